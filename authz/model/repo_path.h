// RepoPath: OWNER/NAME, the only form in which a repository is named.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "authz/model/login.h"

namespace gerve {

// The name of a repository below its owner: as Login, but up to 100 characters and a '.' may come first
// (".github").
class RepoName final {
  public:
    [[nodiscard]] static Result<RepoName> parse(std::string_view text);
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] const std::string& folded() const { return folded_; }
    friend bool operator==(const RepoName& a, const RepoName& b) { return a.folded_ == b.folded_; }
    friend auto operator<=>(const RepoName& a, const RepoName& b) { return a.folded_ <=> b.folded_; }

  private:
    explicit RepoName(std::string_view text);
    std::string text_;
    std::string folded_;
};

class RepoPath final {
  public:
    RepoPath(Login owner, RepoName name) : owner_(std::move(owner)), name_(std::move(name)) {}

    // OWNER/NAME, with or without one leading '/' and one ".git" behind. Nothing is decoded or normalised:
    // what is not exactly that form is refused.
    [[nodiscard]] static Result<RepoPath> parse(std::string_view text);

    [[nodiscard]] const Login& owner() const { return owner_; }
    [[nodiscard]] const RepoName& name() const { return name_; }
    [[nodiscard]] std::string text() const { return owner_.text() + "/" + name_.text(); }
    [[nodiscard]] std::string folded() const { return owner_.folded() + "/" + name_.folded(); }

    friend bool operator==(const RepoPath&, const RepoPath&) = default;
    friend auto operator<=>(const RepoPath&, const RepoPath&) = default;

  private:
    Login owner_;
    RepoName name_;
};

}  // namespace gerve
