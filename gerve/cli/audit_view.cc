#include "gerve/cli/audit_view.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "gerve/cli/audit_rows.h"
#include "gerve/cli/output.h"

namespace gerve {
namespace {

constexpr std::size_t clock_digits = 19;       // "2026-01-31T12:00:00"
constexpr std::size_t short_fingerprint = 18;  // "SHA256:" and a few more
constexpr std::array<std::size_t, 5> widths{clock_digits, 8, 18, 18, 40};

// The event itself, the keys that were offered, and what a command was about.
std::vector<const AuditJson*> parts_of(const AuditJson& event) {
    std::vector<const AuditJson*> parts{&event};
    const auto keys = event.find("keys");
    if (keys != event.end() && keys->is_array()) {
        for (const AuditJson& key : *keys) parts.push_back(&key);
    }
    const auto details = event.find("details");
    if (details != event.end()) parts.push_back(&*details);
    std::erase_if(parts, [](const AuditJson* part) { return !part->is_object(); });
    return parts;
}

bool any_is(const AuditJson& event, std::initializer_list<const char*> names, const std::string& wanted) {
    for (const AuditJson* part : parts_of(event)) {
        for (const char* name : names) {
            if (fold_case(text_in(*part, name)) == wanted) return true;
        }
    }
    return false;
}

// Among the names that the refusals or fetches of one summary were about.
bool was_asked_for(const AuditJson& event, const std::string& wanted) {
    const auto names = event.find("asked_for");
    if (names == event.end() || !names->is_array()) return false;
    return std::any_of(names->begin(), names->end(), [&](const AuditJson& name) {
        return name.is_string() && fold_case(name.get<std::string>()) == wanted;
    });
}

// As an SSH user name that was refused.
bool was_tried(const AuditJson& event, const std::string& login) {
    if (text_in(event, "event") != "refused") return false;
    return fold_case(text_in(event, "login")) == login || was_asked_for(event, login);
}

// Whether the member `name` is an array that contains it.
bool lists(const AuditJson& part, const char* name, const std::string& wanted) {
    const auto found = part.find(name);
    return found != part.end() && found->is_array() &&
           std::find(found->begin(), found->end(), wanted) != found->end();
}

bool has_key(const AuditJson& event, const std::string& fingerprint) {
    const auto parts = parts_of(event);
    return std::any_of(parts.begin(), parts.end(), [&](const AuditJson* part) {
        return text_in(*part, "fingerprint") == fingerprint || lists(*part, "fingerprints", fingerprint);
    });
}

UnixMillis time_of(const AuditJson& event) {
    const auto time = parse_time(text_in(event, "time").substr(0, clock_digits) + "Z", 0);
    return time ? *time : 0;
}

std::string fingerprint_of(const AuditJson& event) {
    const std::string own = text_in(event, "fingerprint");
    if (!own.empty()) return own;
    const auto keys = event.find("keys");
    return keys != event.end() && keys->is_array() && keys->size() == 1
               ? text_in(keys->front(), "fingerprint")
               : "";
}

std::string padded(const std::array<std::string, 5>& cells, const std::string& last) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        line += cells[i];
        const std::size_t columns = columns_of(cells[i]);
        line.append(std::max(widths[i], columns) - columns + 2, ' ');
    }
    line += last;
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

}  // namespace

bool AuditFilter::takes(const AuditJson& one) const {
    if (event && text_in(one, "event") != event_kind_name(*event)) return false;
    if (!request.empty() && text_in(one, "request") != request) return false;
    if (denied && text_in(one, "is") != "deny") return false;
    const bool timed = since || until;
    const UnixMillis time = timed ? time_of(one) : 0;
    if ((since && time < *since) || (until && time >= *until)) return false;
    if (key && !has_key(one, key->text())) return false;
    if (user && !any_is(one, {"user", "operator", "operator_login"}, user->folded()) &&
        !was_tried(one, user->folded()))
        return false;
    if (repo && !any_is(one, {"repo", "asked_for", "deploy_key_of"}, repo->folded()) &&
        !was_asked_for(one, repo->folded()))
        return false;
    if (!ref.empty() || forced || deleted) {
        const auto refs = one.find("refs");
        if (refs == one.end() || !refs->is_array()) return false;
        if (std::none_of(refs->begin(), refs->end(),
                         [this](const AuditJson& change) { return takes_ref(change); }))
            return false;
    }
    if (!address) return true;
    const auto from = Network::parse(text_in(one, "address"));  // of offers it may be a /64
    return from && from->overlaps(*address);
}

bool AuditFilter::takes_ref(const AuditJson& change) const {
    if (!change.is_object()) return false;
    const std::string kind = text_in(change, "kind");
    if (forced && kind != "forced-update") return false;
    if (deleted && kind != "delete") return false;
    if (ref.empty()) return true;
    const std::string name = text_in(change, "ref");
    return name == ref || name == "refs/heads/" + ref || name == "refs/tags/" + ref;
}

void AuditFilter::put_matches_first(AuditJson& one) const {
    const auto refs = one.find("refs");
    if (refs == one.end() || !refs->is_array()) return;
    std::stable_partition(refs->begin(), refs->end(),
                          [this](const AuditJson& change) { return takes_ref(change); });
}

Result<UnixMillis> parse_past(std::string_view text, UnixMillis now) {
    const auto count = text.empty() ? std::nullopt : parse_decimal(text.substr(0, text.size() - 1));
    if (count && *count < 10'000'000) {
        for (const auto& [unit, ms] :
             {std::pair{'s', 1'000}, {'m', 60'000}, {'h', 3'600'000}, {'d', 86'400'000}}) {
            if (text.back() == unit) return now - static_cast<UnixMillis>(*count) * ms;
        }
    }
    auto time = text.ends_with('d') ? client_error("") : parse_time(text, now);
    if (time) return time;
    return client_error(
        "'" + printable(text, 40) +
        "' is not a time: write 2026-01-31, 2026-01-31T12:00:00Z, or 15m, 2h, 7d (before now)");
}

Setter past_into(std::optional<UnixMillis>& into) {
    return parsed(into, [](const std::string& text) { return parse_past(text, unix_now()); });
}

std::string audit_who(const AuditJson& event) {
    for (const char* name : {"operator", "user", "deploy_key_of", "shared_deploy_key"}) {
        const std::string text = text_in(event, name);
        if (!text.empty()) return text;
    }
    if (text_in(event, "event") == "refused" && !text_in(event, "login").empty())
        return text_in(event, "login");
    const auto keys = event.find("keys");
    if (keys == event.end() || !keys->is_array() || keys->empty()) return "-";
    const std::string first = audit_who(keys->front());
    return keys->size() == 1 ? first : first + " +" + std::to_string(keys->size() - 1);
}

std::string audit_clock(const AuditJson& event) {
    std::string clock = one_line(text_in(event, "time").substr(0, clock_digits));
    if (clock.size() > 10) clock[10] = ' ';
    return clock;
}

std::string audit_heading() {
    return padded({"TIME (UTC)", "EVENT", "WHO", "ADDRESS", "WHAT"}, "RESULT");
}

std::string audit_row(const AuditJson& event) {
    const std::string fingerprint = fingerprint_of(event);
    std::string last = one_line(audit_result(event));
    if (!fingerprint.empty())
        last += (last.empty() ? "" : "  ") + one_line(fingerprint.substr(0, short_fingerprint)) + "…";
    return padded({audit_clock(event), shown(text_in(event, "event")), shown(audit_who(event)),
                   shown(text_in(event, "address")), one_line(audit_what(event))},
                  last);
}

}  // namespace gerve
