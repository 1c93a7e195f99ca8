// The rules, groups and settings of a gitolite.conf (gitolite 3: Gitolite::Conf and Gitolite::Conf::Store).
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "gerve/cli/import/gitolite_lines.h"

namespace gerve {

// What one line says of one user, or group, and one refex.
struct GitoliteRule {
    std::size_t order = 0;   // rules are tried in this order, whatever repository line they stand below
    std::string permission;  // "-", "C", "R", "RW", and "RW" with "+", "C", "D", "M" behind it
    std::string refex;       // "refs/.*" where the line has none
    std::string user;        // a name, "@GROUP" or "@all"
    FilePlace place;
    [[nodiscard]] bool denies() const { return permission == "-"; }
    [[nodiscard]] bool writes() const { return permission.starts_with("RW"); }
    [[nodiscard]] bool reads() const { return permission.starts_with('R'); }
    [[nodiscard]] bool is_vref() const { return refex.starts_with("VREF/"); }
};

// An `option`, or any other line that sets something of git's configuration.
struct GitoliteSetting {
    std::size_t order = 0;
    std::string name;  // "gitolite-options.deny-rules"
    std::string value;
    FilePlace place;
};

struct GitoliteConf {
    // By what the repo line names: a repository, "@GROUP", "@all", or a pattern.
    std::map<std::string, std::vector<GitoliteRule>> rules;
    std::map<std::string, std::vector<GitoliteSetting>> settings;
    std::map<std::string, std::map<std::string, std::string>> groups;  // "@GROUP": member, and whose subconf
    std::map<std::string, FilePlace> repo_lines;                       // where each was first named
    std::map<std::string, FilePlace> group_lines;                      // likewise
    std::map<FilePlace, std::string> lines;
    ImportFindings warnings;  // what gitolite itself passes over

    [[nodiscard]] bool is_member(const std::string& group, const std::string& name) const;
    [[nodiscard]] const std::string& line_at(const FilePlace& place) const { return lines.at(place); }
};

// Errors: every line that gitolite stops at. What it would only warn of, because an extension might have
// given the line a meaning, is an error too: a rule that is not understood might be one that denies.
[[nodiscard]] tl::expected<GitoliteConf, std::vector<ConfigProblem>> parse_gitolite_conf(
    const ConfFiles& files, const std::string& file);

// A repository, as opposed to a pattern of wild repositories; "@GROUP" as well.
[[nodiscard]] bool is_gitolite_name(std::string_view name);
[[nodiscard]] bool is_gitolite_user(std::string_view name);

// CREATOR, READERS and WRITERS of wild repositories, of which the configuration has no members.
[[nodiscard]] bool is_gitolite_role(std::string_view group);

}  // namespace gerve
