#include "authz/audit/rows.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/model/public_key.h"

namespace gerve {
namespace {

using Json = nlohmann::json;

// Rows of one statement. Few sizes, since each is prepared by itself.
constexpr std::array<std::size_t, 4> group_sizes{128, 32, 8, 1};

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

// Of the three kinds that every login causes: they are flat, and nearly always plain.
bool read_flat(std::string_view line, AuditRow& row) {
    const std::string_view kind = member(line, R"(,"event":")");
    if (kind != "proven" && kind != "decision" && kind != "session") return false;
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

std::string insert_text(std::string_view into, std::string_view one, std::size_t count,
                        std::string_view behind) {
    std::string text(into);
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) text += ", ";
        text += one;
    }
    return text += behind;
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

struct Use {
    std::int64_t at = 0;
    std::string address;
};

std::map<std::int64_t, Use> uses_in(const std::vector<AuditRow>& rows) {
    std::map<std::int64_t, Use> uses;
    for (const AuditRow& row : rows) {
        if (row.proven_key <= 0) continue;
        Use& use = uses[row.proven_key];
        if (row.happened_at >= use.at) use = {row.happened_at, row.address.value_or("")};
    }
    return uses;
}

constexpr std::string_view use_into = "INSERT INTO key_last_used (key_id, used_at, address) VALUES ";
constexpr std::string_view use_mysql =
    " ON DUPLICATE KEY UPDATE address = IF(VALUES(used_at) > used_at, VALUES(address), address),"
    " used_at = GREATEST(used_at, VALUES(used_at))";
constexpr std::string_view use_sqlite =
    " ON CONFLICT (key_id) DO UPDATE SET used_at = excluded.used_at, address = excluded.address"
    " WHERE excluded.used_at > key_last_used.used_at";

std::size_t group_size(std::size_t left) {
    return *std::find_if(group_sizes.begin(), group_sizes.end(),
                         [&](std::size_t size) { return size <= left; });
}

// `insert(at, count)` inserts some of `size`, all of them or none; where one of them is refused, they come
// alone, and `refused(at, error)` hears which.
template <class Insert, class Refused>
Result<void> insert_by_groups(std::size_t size, const Insert& insert, const Refused& refused) {
    for (std::size_t at = 0; at < size;) {
        const std::size_t count = group_size(size - at);
        const Result<void> inserted = insert(at, count);
        if (!inserted && inserted.error().kind != ErrorKind::client) return inserted;
        if (!inserted && count == 1) refused(at, inserted.error());
        for (std::size_t i = 0; !inserted && count > 1 && i < count; ++i) {
            const Result<void> alone = insert(at + i, 1);
            if (!alone && alone.error().kind != ErrorKind::client) return alone;
            if (!alone) refused(at + i, alone.error());
        }
        at += count;
    }
    return {};
}

const std::string& uses_text(std::size_t count, bool mysql) {
    static std::map<std::pair<std::size_t, bool>, std::string> texts;
    std::string& text = texts[{count, mysql}];
    if (text.empty()) text = insert_text(use_into, "(?, ?, ?)", count, mysql ? use_mysql : use_sqlite);
    return text;
}

// A key that was deleted meanwhile is refused by itself, and no harm. In the order of the keys, so that no
// two gateways wait for each other.
Result<void> note_uses(Database& database, const std::vector<AuditRow>& rows) {
    const bool mysql = database.dialect() == Dialect::mysql;
    const auto by_key = uses_in(rows);
    const std::vector<std::pair<std::int64_t, Use>> uses(by_key.begin(), by_key.end());
    const auto insert = [&](std::size_t at, std::size_t count) -> Result<void> {
        std::vector<Bind> binds;
        for (std::size_t i = at; i < at + count; ++i) {
            const auto& [key, use] = uses[i];
            binds.insert(binds.end(), {key, use.at, std::string_view(use.address)});
        }
        const auto noted = database.execute({"last-used", uses_text(count, mysql)}, binds);
        if (!noted) return pass_on(noted);
        return {};
    };
    return insert_by_groups(uses.size(), insert, [](std::size_t, const Error&) {});
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
    log::error("an audit event is refused by the table", {{"seq", row.seq}, {"why", describe(error)}});
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
    for (const SpooledLine& line : lines) rows.push_back(row_of(line));
    return rows;
}

// SQLite syncs once for a transaction. On a server each statement is one by itself: the lock that begin()
// takes there is for those who change the directory.
Result<AuditRowsDone> insert_audit_rows(Database& database, const std::vector<AuditRow>& rows,
                                        bool last_used) {
    std::optional<Transaction> transaction;
    if (database.dialect() == Dialect::sqlite) {
        auto begun = Transaction::begin(database);
        if (!begun) return pass_on(begun);
        transaction.emplace(std::move(*begun));
    }
    if (last_used) {
        if (auto noted = note_uses(database, rows); !noted) return pass_on(noted);
    }
    auto done = insert_all(database, rows);
    if (!done || !transaction) return done;
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return done;
}

}  // namespace gerve
