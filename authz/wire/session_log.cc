#include "authz/wire/session_log.h"

#include "authz/base/text.h"

namespace gerve {

void add_operation(std::vector<log::Field>& fields, const SessionReport& report) {
    fields.insert(fields.end(), {{"service", report.service},
                                 {"repo", report.repo},
                                 {"server", report.server},
                                 {"in", report.bytes_in},
                                 {"out", report.bytes_out},
                                 {"ms", report.duration_ms},
                                 {"exit", report.exit},
                                 {"ended", operation_end_name(report.ended)}});
    if (const auto& push = report.push) {
        fields.insert(fields.end(), {{"push", name_in(push_outcome_names, outcome_of(*push))},
                                     {"refs_taken", push->taken},
                                     {"refs_refused", push->refused}});
        if (push->unknown > 0) fields.emplace_back("refs_unknown", push->unknown);
    }
    if (const auto& fetch = report.fetch) {
        fields.emplace_back("wants", fetch->wants);
        if (fetch->clone) fields.emplace_back("clone", "yes");
        if (fetch->shallow) fields.emplace_back("shallow", "yes");
        if (fetch->partial) fields.emplace_back("partial", "yes");
    }
    if (!report.git_said.empty()) fields.emplace_back("git_said", report.git_said);
}

}  // namespace gerve
