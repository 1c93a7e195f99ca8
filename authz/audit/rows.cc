#include "authz/audit/rows.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "authz/audit/row_groups.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/model/public_key.h"

namespace gerve {
namespace {

using Json = nlohmann::json;

constexpr std::size_t longest_account = 64;
constexpr std::size_t longest_repository = 165;
constexpr std::size_t longest_address = 64;

// "2026-01-31T12:00:00.123456Z"
std::int64_t parse_millis(const std::string& text) {
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr || *rest != '.') return 0;
    const auto millis = parse_decimal(std::string_view(rest).substr(1, 3));
    return ::timegm(&parts) * 1000 + static_cast<std::int64_t>(millis.value_or(0));
}

std::string text_in(const Json& object, const char* name) {
    const auto found = object.find(name);
    const auto* text = found == object.end() ? nullptr : found->get_ptr<const std::string*>();
    return text == nullptr ? "" : *text;
}

// What a column for plain names takes; the rest is in the body alone.
std::optional<std::string> plain(std::string text, std::size_t longest) {
    const bool good = !text.empty() && text.size() <= longest &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
    return good ? std::optional(std::move(text)) : std::nullopt;
}

// Where an event tells who and what: an offer of one key and a command have it one level below.
const Json& subject_of(const Json& event) {
    if (const auto details = event.find("details"); details != event.end() && details->is_object())
        return *details;
    const auto keys = event.find("keys");
    return keys != event.end() && keys->is_array() && keys->size() == 1 && keys->front().is_object()
               ? keys->front()
               : event;
}

// The member of a line whose value is a plain string, read without parsing the rest. A quote inside of a
// string stands behind a backslash, so what is found is a member; nothing: it is not there, or not plain.
std::string_view member(std::string_view line, std::string_view opening) {
    const auto at = line.find(opening);
    if (at == std::string_view::npos) return {};
    line.remove_prefix(at + opening.size());
    return line.substr(0, line.find('"'));
}

std::optional<std::string> plain(std::string_view text, std::size_t longest) {
    return plain(std::string(text), longest);
}

// Of the kinds that every login and every push cause: their names of people and places are plain, nearly
// always.
bool read_flat(std::string_view line, AuditRow& row) {
    const std::string_view kind = member(line, R"(,"event":")");
    if (kind != "proven" && kind != "decision" && kind != "session" && kind != "push") return false;
    if (line.find('\\') != std::string_view::npos) return false;
    row.kind = kind;
    row.happened_at = parse_millis(std::string(member(line, R"(,"time":")")));
    row.gateway = member(line, R"(,"gateway":")");
    row.denied = member(line, R"(,"is":")") == "deny";
    const auto fingerprint = Fingerprint::parse(member(line, R"(,"fingerprint":")"));
    if (fingerprint) row.fingerprint = std::string(fingerprint->bytes());
    row.account = plain(member(line, R"(,"user":")"), longest_account);
    const std::string_view repo = member(line, R"(,"repo":")");
    row.repository = plain(repo.empty() ? member(line, R"(,"deploy_key_of":")") : repo, longest_repository);
    row.address = plain(member(line, R"(,"address":")"), longest_address);
    constexpr std::string_view key = R"(,"key":)";
    const auto at = line.find(key);
    if (kind != "proven" || at == std::string_view::npos) return true;
    const std::string_view digits = line.substr(at + key.size(), 20);
    row.proven_key = static_cast<std::int64_t>(parse_decimal(digits.substr(0, digits.find(','))).value_or(0));
    return true;
}

// A number behind a member's name; 0: it is not there.
std::uint64_t number_behind(std::string_view line, std::string_view opening) {
    const auto at = line.find(opening);
    if (at == std::string_view::npos) return 0;
    const std::string_view digits = line.substr(at + opening.size(), 20);
    return parse_decimal(digits.substr(0, digits.find_first_of(",}"))).value_or(0);
}

// What a security key signed; a string cannot hold such a member, whose quotes would be escaped.
void read_counter(std::string_view line, AuditRow& row) {
    const auto at = line.find(R"(,"security_key":{)");
    if (row.proven_key <= 0 || at == std::string_view::npos) return;
    const std::string_view attested = line.substr(at, line.find('}', at) - at + 1);
    row.counter = static_cast<std::uint32_t>(number_behind(attested, R"("counter":)"));
    row.connected_at = static_cast<std::int64_t>(number_behind(attested, R"("connected_ms":)"));
}

AuditRow row_of(const SpooledLine& line) {
    AuditRow row;
    row.chain = from_hex(line.head.chain).value_or("");
    row.seq = static_cast<std::int64_t>(line.head.seq);
    row.body = line.text;
    if (read_flat(line.text, row)) return row;
    row.kind = "unknown";
    const Json event = Json::parse(line.text, nullptr, false);
    if (!event.is_object()) return row;
    const Json& subject = subject_of(event);
    row.happened_at = parse_millis(text_in(event, "time"));
    row.gateway = text_in(event, "gateway");
    row.kind = plain(text_in(event, "event"), 32).value_or("unknown");
    row.denied = text_in(event, "is") == "deny";
    const auto fingerprint = Fingerprint::parse(text_in(subject, "fingerprint"));
    if (fingerprint) row.fingerprint = std::string(fingerprint->bytes());
    row.account = plain(text_in(subject, "user"), longest_account);
    const std::string repo = text_in(subject, "repo");
    row.repository = plain(repo.empty() ? text_in(subject, "deploy_key_of") : repo, longest_repository);
    row.address = plain(text_in(event, "address"), longest_address);
    if (row.kind == "proven" && event.contains("key") && event["key"].is_number_integer())
        row.proven_key = event["key"].get<std::int64_t>();
    return row;
}

Bind bind_of(const std::optional<std::string>& text) {
    return text ? Bind(std::string_view(*text)) : Bind();
}

const std::string& events_text(std::size_t count) {
    static std::map<std::size_t, std::string> texts;
    std::string& text = texts[count];
    if (text.empty()) {
        text = insert_text(
            "INSERT INTO audit_events (chain, seq, happened_at, gateway, kind, denied, fingerprint,"
            " account, repository, address, body) VALUES ",
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", count, "");
    }
    return text;
}

Result<void> insert_group(Database& database, const AuditRow* rows, std::size_t count) {
    std::vector<Bind> binds;
    for (const AuditRow* row = rows; row != rows + count; ++row) {
        const Bind fingerprint = row->fingerprint ? Bind(BlobView{*row->fingerprint}) : Bind();
        binds.insert(binds.end(),
                     {BlobView{row->chain}, row->seq, row->happened_at, std::string_view(row->gateway),
                      std::string_view(row->kind), std::int64_t{row->denied ? 1 : 0}, fingerprint,
                      bind_of(row->account), bind_of(row->repository), bind_of(row->address),
                      std::string_view(row->body)});
    }
    const auto inserted = database.execute({"audit-insert", events_text(count)}, binds);
    if (!inserted) return pass_on(inserted);
    return {};
}

// An earlier try whose answer did not come may have been carried out since the table was asked how far it
// got.
bool is_there(Database& database, const AuditRow& row) {
    static constexpr Statement find{"audit-find",
                                    "SELECT body FROM audit_events WHERE chain = ? AND seq = ?"};
    const auto rows = database.query(find, {BlobView{row.chain}, row.seq});
    if (!rows || rows->empty()) return false;
    const auto* body = std::get_if<std::string>(&rows->front().front());
    return body != nullptr && *body == row.body;
}

// Of a row that came alone and was refused: not to be counted, or told.
bool note_refusal(Database& database, const AuditRow& row, const Error& error) {
    if (is_there(database, row)) return false;
    log::error("the table refused an audit event", {{"seq", row.seq}, {"why", describe(error)}});
    return true;
}

Result<AuditRowsDone> insert_all(Database& database, const std::vector<AuditRow>& rows) {
    AuditRowsDone done;
    const auto inserted = insert_by_groups(
        rows.size(),
        [&](std::size_t at, std::size_t count) { return insert_group(database, &rows[at], count); },
        [&](std::size_t at, const Error& error) {
            if (note_refusal(database, rows[at], error)) ++done.refused;
        });
    if (!inserted) return pass_on(inserted);
    done.inserted = rows.size() - done.refused;
    return done;
}

}  // namespace

std::vector<AuditRow> rows_of(const std::vector<SpooledLine>& lines) {
    std::vector<AuditRow> rows;
    rows.reserve(lines.size());
    for (const SpooledLine& line : lines) {
        rows.push_back(row_of(line));
        read_counter(line.text, rows.back());
    }
    return rows;
}

// SQLite syncs once for a transaction. On a server each statement is one by itself: the lock that begin()
// takes there is for those who change the directory.
Result<AuditRowsDone> insert_audit_rows(Database& database, const std::vector<AuditRow>& rows) {
    std::optional<Transaction> transaction;
    if (database.dialect() == Dialect::sqlite) {
        auto begun = Transaction::begin(database);
        if (!begun) return pass_on(begun);
        transaction.emplace(std::move(*begun));
    }
    auto done = insert_all(database, rows);
    if (!done || !transaction) return done;
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    // The write-ahead log is then used from its beginning again, and stays as short as a batch: each of these
    // small transactions takes a page of every index in it. Waits for nobody.
    static constexpr Statement checkpoint{"audit-checkpoint", "PRAGMA wal_checkpoint(PASSIVE)"};
    (void)database.query(checkpoint, {});
    return done;
}

Result<std::vector<std::string>> read_bodies(Database& database, const Statement& statement, Binds binds) {
    const auto rows = database.query(statement, binds);
    if (!rows) return pass_on(rows);
    std::vector<std::string> events;
    for (const Row& row : *rows) {
        const auto* body = row.empty() ? nullptr : std::get_if<std::string>(&row.front());
        if (body == nullptr) return unavailable(std::string(statement.name) + ": a row is malformed");
        events.push_back(*body);
    }
    return events;
}

}  // namespace gerve
