#include "gerve/cli/audit_rows.h"

#include <array>
#include <nlohmann/json.hpp>

#include "authz/audit/event_kind.h"
#include "gerve/cli/output.h"

namespace gerve {
namespace {

std::string nothing(const AuditJson& /*event*/) {
    return "";
}

std::string number_of_keys(const AuditJson& event) {
    const std::string count = text_in(event, "count");
    return count + (count == "1" ? " key" : " keys");
}

std::string number_of_times(const AuditJson& event) {
    return text_in(event, "count") + " times";
}

std::string operation(const AuditJson& event) {
    return text_in(event, "service") + " " + text_in(event, "repo");
}

std::string command_line(const AuditJson& event) {
    std::string text = text_in(event, "command");
    for (const AuditJson& word : event.value("arguments", AuditJson::array()))
        text += " " + shown(word.is_string() ? word.get<std::string>() : word.dump());
    return text;
}

std::string reason(const AuditJson& event) {
    const std::string because = text_in(event, "because");
    return because.empty() ? text_in(event, "reasons") : because;
}

std::string end_of_session(const AuditJson& event) {
    const std::string push = text_in(event, "push");
    return (push.empty() ? "" : "push " + push + ", ") + text_in(event, "ended") + " " +
           text_in(event, "exit") + ", in " + text_in(event, "bytes_in") + ", out " +
           text_in(event, "bytes_out") + ", " + text_in(event, "duration_ms") + " ms";
}

// The first ref, and how many more there are.
std::string refs_of(const AuditJson& event) {
    const auto refs = event.find("refs");
    if (refs == event.end() || !refs->is_array() || refs->empty()) return "";
    const AuditJson& first = refs->front();
    std::string text = ref_change_text(first);
    if (refs->size() > 1) text += ", and " + std::to_string(refs->size() - 1) + " more";
    return text;
}

std::string outcome(const AuditJson& event) {
    return text_in(event, "done") == "true" ? "done" : "failed: " + text_in(event, "why");
}

// "allow: owner, shadow deny: no-read-access"
std::string both_answers(const AuditJson& event) {
    const AuditJson served = event.value("served", AuditJson::object());
    const AuditJson shadow = event.value("shadow", AuditJson::object());
    return decision_text(served) + ", shadow " + decision_text(shadow);
}

struct RowOfKind {
    EventKind kind;
    std::string (*what)(const AuditJson& event);
    std::string (*result)(const AuditJson& event);
};

constexpr std::array rows_of_kinds{
    RowOfKind{EventKind::offered, number_of_keys, nothing},
    RowOfKind{EventKind::proven, [](const AuditJson& event) { return "login " + text_in(event, "login"); },
              nothing},
    RowOfKind{EventKind::refused, number_of_times, reason},
    RowOfKind{EventKind::decision, operation, decision_text},
    RowOfKind{EventKind::push, [](const AuditJson& event) { return "push " + text_in(event, "repo"); },
              refs_of},
    RowOfKind{EventKind::session, operation, end_of_session},
    RowOfKind{EventKind::ended, [](const AuditJson&) { return std::string("connection"); }, reason},
    RowOfKind{EventKind::left_out, number_of_times, reason},
    RowOfKind{EventKind::admin, command_line, outcome},
    RowOfKind{EventKind::service, [](const AuditJson& event) { return "authz " + text_in(event, "version"); },
              [](const AuditJson& event) { return text_in(event, "is"); }},
    RowOfKind{EventKind::trail, [](const AuditJson&) { return std::string("the trail"); },
              [](const AuditJson& event) { return text_in(event, "what"); }},
    RowOfKind{EventKind::lost, [](const AuditJson& event) { return text_in(event, "count") + " events"; },
              nothing},
    RowOfKind{EventKind::counter_fell,
              [](const AuditJson& event) { return "signature counter " + text_in(event, "counter"); },
              [](const AuditJson& event) { return "after " + text_in(event, "before"); }},
    RowOfKind{EventKind::differed, operation, both_answers},
    RowOfKind{EventKind::compared, [](const AuditJson&) { return std::string("decisions of two policies"); },
              [](const AuditJson& event) {
                  return text_in(event, "same") + " same, " + text_in(event, "differed") + " differed";
              }},
};

constexpr bool each_kind_has_its_row() {
    for (std::size_t i = 0; i < rows_of_kinds.size(); ++i) {
        if (rows_of_kinds[i].kind != static_cast<EventKind>(i)) return false;
    }
    return rows_of_kinds.size() == event_kind_names.size();
}
static_assert(each_kind_has_its_row(), "a row for each kind, in their order");

const RowOfKind* row_of(const AuditJson& event) {
    const auto kind = parse_event_kind(text_in(event, "event"));
    return kind ? &rows_of_kinds[static_cast<std::size_t>(*kind)] : nullptr;
}

}  // namespace

std::string text_in(const AuditJson& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return "";
    const auto* text = found->get_ptr<const std::string*>();
    return text != nullptr ? *text : found->dump(-1, ' ', false, AuditJson::error_handler_t::replace);
}

std::string ref_change_text(const AuditJson& change) {
    constexpr std::size_t digits = 10;  // of an object id
    const std::string kind = text_in(change, "kind");
    std::string text = kind + " " + text_in(change, "ref") + " ";
    if (kind != "create") text += text_in(change, "old").substr(0, digits);
    if (kind != "create" && kind != "delete") text += "..";
    if (kind != "delete") text += text_in(change, "new").substr(0, digits);
    text += ": " + text_in(change, "outcome");
    const std::string why = text_in(change, "why");
    return why.empty() ? text : text + ", " + why;
}

std::string decision_text(const AuditJson& decision) {
    const std::string because = text_in(decision, "because");
    return text_in(decision, "is") + (because.empty() ? "" : ": " + because);
}

std::vector<std::string> texts_in(const AuditJson& object, const char* name) {
    std::vector<std::string> texts;
    const auto listed = object.find(name);
    if (listed == object.end() || !listed->is_array()) return texts;
    for (const AuditJson& one : *listed) {
        if (one.is_string()) texts.push_back(one.get<std::string>());
    }
    return texts;
}

std::string audit_what(const AuditJson& event) {
    const RowOfKind* row = row_of(event);
    return row == nullptr ? operation(event) : row->what(event);
}

std::string audit_result(const AuditJson& event) {
    const RowOfKind* row = row_of(event);
    return row == nullptr ? "" : row->result(event);
}

}  // namespace gerve
