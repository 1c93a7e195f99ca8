// Login: the name of an account (a user or an organisation), as it was given, compared without regard to
// case.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "authz/base/result.h"

namespace gerve {

// 1 to 64 of [A-Za-z0-9._-], first [A-Za-z0-9_]; never ".", "..", or anything ending in ".git" or ".lock".
class Login final {
  public:
    [[nodiscard]] static Result<Login> parse(std::string_view text);

    [[nodiscard]] const std::string& text() const { return text_; }      // as given
    [[nodiscard]] const std::string& folded() const { return folded_; }  // for lookups

    friend bool operator==(const Login& a, const Login& b) { return a.folded_ == b.folded_; }
    friend auto operator<=>(const Login& a, const Login& b) { return a.folded_ <=> b.folded_; }

  private:
    explicit Login(std::string_view text);
    std::string text_;
    std::string folded_;
};

}  // namespace gerve
