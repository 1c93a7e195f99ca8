#include "authz/audit/chain.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "authz/audit/json_members.h"
#include "authz/base/fd.h"
#include "authz/base/key_file.h"
#include "authz/base/text.h"
#include "authz/base/units.h"

namespace gerve {
namespace {

using Json = nlohmann::json;

constexpr std::size_t key_size = 32;
constexpr std::size_t chain_digits = 32;
constexpr std::size_t mac_digits = 64;
constexpr std::string_view mac_opening = R"(,"mac":")";
constexpr std::string_view line_end = R"("})";

bool is_hex(std::string_view text, std::size_t digits) {
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// RFC 3339, UTC. The day is formatted once a second.
void append_micros(std::string& out, std::int64_t time) {
    const std::int64_t second = time / 1'000'000;
    thread_local std::int64_t known = -1;
    thread_local std::string text;
    if (second != known) {
        text = time_text(second * 1000);
        text.pop_back();  // Z
        known = second;
    }
    out += text;
    const std::string micros = std::to_string(1'000'000 + time % 1'000'000);
    out += '.';
    out.append(micros, 1);
    out += 'Z';
}

// Takes `text` off the front of `rest`.
bool skip(std::string_view& rest, std::string_view text) {
    if (!rest.starts_with(text)) return false;
    rest.remove_prefix(text.size());
    return true;
}

}  // namespace

const std::string& first_mac() {
    static const std::string zeros(mac_digits, '0');
    return zeros;
}

std::int64_t audit_now() {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

std::string ChainKey::mac(std::string_view previous, std::string_view body) const {
    return to_hex(hmac_.of({previous, body}));
}

Result<ChainKey> load_chain_key(const std::string& file) {
    const auto text = read_secret_file(file);
    if (!text) return pass_on(text);
    const auto bytes = from_hex(trim(*text));
    if (!bytes || bytes->size() != key_size)
        return internal_error(file + ": an audit key is 64 hex digits; restore it from a backup");
    return ChainKey(Secret(*bytes));
}

Result<ChainKey> load_or_make_chain_key(const std::string& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0 && errno == ENOENT) {
        if (auto made = make_key_file(file, to_hex(random_bytes(key_size)) + "\n"); !made)
            return pass_on(made);
    }
    return load_chain_key(file);
}

std::string make_line(const ChainKey& key, const std::string& gateway, const AuditFact& fact,
                      TrailHead& head) {
    constexpr std::size_t around = 200;  // of what is not in these two
    std::string line;
    line.reserve(fact.fields.size() + gateway.size() + around);
    line += R"({"seq":)";
    line += std::to_string(++head.seq);
    line += R"(,"chain":")";
    line += head.chain;
    line += R"(","time":")";
    append_micros(line, fact.time);
    line += R"(","gateway":)";
    append_json_text(line, gateway);
    line += ',';
    line += fact.fields;
    head.mac = key.mac(head.mac, line);
    line += mac_opening;
    line += head.mac;
    line += line_end;
    return line += '\n';
}

std::optional<TrailLine> parse_line(std::string_view line) {
    constexpr std::size_t tail = mac_opening.size() + mac_digits + line_end.size();
    if (line.size() < tail || !line.ends_with(line_end)) return std::nullopt;
    TrailLine parsed;
    parsed.body = line.substr(0, line.size() - tail);
    const std::string_view mac = line.substr(line.size() - mac_digits - line_end.size(), mac_digits);
    if (!line.substr(parsed.body.size()).starts_with(mac_opening) || !is_hex(mac, mac_digits))
        return std::nullopt;
    std::string_view rest = line;
    if (!skip(rest, R"({"seq":)")) return std::nullopt;
    const std::string_view digits = rest.substr(0, rest.find(','));
    const auto seq = parse_decimal(digits);
    rest.remove_prefix(digits.size());
    if (!seq || *seq == 0 || !skip(rest, R"(,"chain":")")) return std::nullopt;
    const std::string_view chain = rest.substr(0, chain_digits);
    if (!is_hex(chain, chain_digits) || !skip(rest, chain) || !skip(rest, R"(","time":")"))
        return std::nullopt;
    parsed.head = {std::string(chain), *seq, std::string(mac)};
    return parsed;
}

AuditFact fact_of(const TrailNote& note) {
    JsonMembers members(EventKind::trail);
    members.add("what", note.what);
    if (!note.before.chain.empty()) {
        if (std::string_view(note.what) == "begins") members.add("previous_chain", note.before.chain);
        members.add("previous_seq", note.before.seq);
        members.add("previous_mac", note.before.mac);
    }
    if (!note.torn.empty()) {
        members.add("torn_bytes", note.torn.size());
        members.add("torn_sha256", to_hex(sha256(note.torn)));
    }
    return {audit_now(), members.take()};
}

std::optional<ParsedNote> parse_note(std::string_view line) {
    if (line.find(R"(,"event":"trail",)") == std::string_view::npos) return std::nullopt;
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || json.value("event", "") != "trail") return std::nullopt;
    ParsedNote note;
    note.what = json.value("what", "");
    note.before = {json.value("previous_chain", json.value("chain", "")),
                   json.value("previous_seq", std::uint64_t{0}), json.value("previous_mac", "")};
    note.torn_bytes = json.value("torn_bytes", std::uint64_t{0});
    note.torn_sha256 = json.value("torn_sha256", "");
    return note;
}

}  // namespace gerve
