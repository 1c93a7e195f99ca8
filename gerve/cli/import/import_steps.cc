#include "gerve/cli/import/import_steps.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "gerve/cli/on_record.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

void print_step(const ImportStep& step) {
    std::printf("%s %s\n", step.command.c_str(), one_line(step.arguments).c_str());
}

int run_step(Site& site, const ImportStep& step, bool says_it, bool& out_of_reach) {
    return run_on_record(site, step.command, [&](Site&) {
        for (const auto& [name, value] : step.details) site.details().add(name, value);
        const auto done = step.change(site.registry());
        if (!done) {
            out_of_reach = done.error().kind == ErrorKind::unavailable;
            throw Stop{refused_status,
                       step.command + " " + step.arguments + ": " + explanation_of(done.error())};
        }
        if (says_it) print_step(step);
        std::fflush(stdout);
        return 0;
    });
}

// The first few, and how many there are besides.
std::string some_of(const std::set<std::string>& names) {
    constexpr std::size_t most = 5;
    std::string text;
    std::size_t listed = 0;
    for (const std::string& name : names) {
        if (listed++ == most) return text + " and " + std::to_string(names.size() - most) + " more";
        text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

std::string cases_text(const ImportFinding& finding) {
    std::set<std::string> users;
    std::set<std::string> repositories;
    for (const AccessCase& one : finding.cases) {
        users.insert(one.user);
        repositories.insert(one.repository);
    }
    if (users.empty()) return "";
    return "\n    " + some_of(users) + " in " + some_of(repositories);
}

}  // namespace

int run_steps(Site& site, const ImportSteps& steps, bool says_each) {
    int status = 0;
    std::size_t done = 0;
    for (const ImportStep& step : steps) {
        bool out_of_reach = false;
        const int one = run_step(site, step, says_each, out_of_reach);
        if (out_of_reach) {
            throw Stop{refused_status, "stopped after " + std::to_string(done) + " of " +
                                           std::to_string(steps.size()) +
                                           " changes, which stay: run this again for the others"};
        }
        status = std::max(status, one);
        done += one == 0 ? 1 : 0;
    }
    if (says_each) std::printf("%zu of %zu changes made\n", done, steps.size());
    return status;
}

void print_steps(const ImportSteps& steps) {
    std::printf("%zu changes to make%s\n", steps.size(), steps.empty() ? "" : ":");
    for (const ImportStep& step : steps) {
        std::printf("  ");
        print_step(step);
    }
}

void print_findings(const ImportFindings& findings) {
    if (findings.empty()) return;
    std::printf("\nNot taken over as it is (less, more: what Gerve gives in comparison):\n");
    for (const ImportFinding& one : findings) {
        const std::string text = one.place.text() + ": " + one.what + "\n    " +
                                 std::string(name_in(import_effect_names, one.effect)) + ": " + one.why +
                                 cases_text(one);
        std::printf("%s\n", displayed_lines(text, terminal_letters()).c_str());
    }
}

Json steps_json(const ImportSteps& steps) {
    Json out = Json::array();
    for (const ImportStep& step : steps)
        out.push_back({{"command", step.command}, {"arguments", step.arguments}});
    return out;
}

Json findings_json(const ImportFindings& findings) {
    Json out = Json::array();
    for (const ImportFinding& one : findings) {
        Json entry{{"file", one.place.file}, {"line", one.place.line == 0 ? Json() : Json(one.place.line)},
                   {"what", one.what},       {"effect", name_in(import_effect_names, one.effect)},
                   {"why", one.why},         {"cases", Json::array()}};
        for (const AccessCase& each : one.cases) {
            entry["cases"].push_back({{"repository", each.repository},
                                      {"user", each.user},
                                      {"before", access_name(each.before)},
                                      {"after", access_name(each.after)}});
        }
        out.push_back(std::move(entry));
    }
    return out;
}

}  // namespace gerve
