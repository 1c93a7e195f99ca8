// Finding: one thing that `gerve check` looked at in a backend, and how it stands.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace gerve {

struct Finding {
    enum class Grade { good, warning, wrong };  // wrong: it does not work as configured
    Grade grade = Grade::good;
    std::string text;    // one line, for the administrator; no secret in it
    std::string remedy;  // what to do; empty when good
};
using Findings = std::vector<Finding>;

// What a check notes down as it goes. What several hosts of a backend have in common is told once.
class FindingList {
  public:
    void good(std::string text) { add({Finding::Grade::good, std::move(text), ""}); }
    void warning(std::string text, std::string remedy) {
        add({Finding::Grade::warning, std::move(text), std::move(remedy)});
    }
    void wrong(std::string text, std::string remedy) {
        add({Finding::Grade::wrong, std::move(text), std::move(remedy)});
    }
    [[nodiscard]] Findings take() { return std::move(findings_); }

  private:
    void add(Finding finding) {
        const auto same = [&](const Finding& other) { return other.text == finding.text; };
        if (std::none_of(findings_.begin(), findings_.end(), same)) findings_.push_back(std::move(finding));
    }

    Findings findings_;
};

}  // namespace gerve
