// A pattern of a gitolite.conf, which is a regular expression of Perl's between ^ and $.
#pragma once

#include <regex>
#include <string>

#include "authz/base/result.h"

namespace gerve {

class GitolitePattern final {
  public:
    // Errors: client, for what Gerve cannot match as Perl does.
    [[nodiscard]] static Result<GitolitePattern> parse(const std::string& text);
    [[nodiscard]] bool matches(const std::string& name) const { return std::regex_search(name, expression_); }

  private:
    explicit GitolitePattern(std::regex expression) : expression_(std::move(expression)) {}
    std::regex expression_;
};

}  // namespace gerve
