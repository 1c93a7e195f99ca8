// The lines of a gitolite.conf and of all that it includes, as gitolite cleans and orders them
// (Gitolite::Conf::Explode of gitolite 3).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/problem.h"
#include "authz/base/result.h"
#include "gerve/cli/import/import_finding.h"

namespace gerve {

struct ConfLine {
    FilePlace place;  // of its first line, where it is continued
    std::string text;
    std::string subconf;  // the delegated part that it belongs to, or "master"
    std::string source;   // as the file has it, the first line where it is continued
};

// How files are reached: what reads the lines does no I/O itself.
struct ConfFiles {
    struct Found {
        std::string name;
        std::string identity;  // the same for two names of one file; empty: it is not there
    };
    std::function<Result<std::string>(const std::string& name)> read;
    // What a pattern of an include names, in gitolite's order. A pattern without wildcards names one file.
    std::function<std::vector<Found>(const std::string& pattern)> find;
};

struct ConfText {
    std::vector<ConfLine> lines;
    ImportFindings warnings;              // what gitolite passes over with a warning
    std::vector<ConfigProblem> problems;  // what it stops at, or what Gerve cannot be sure of
};

[[nodiscard]] ConfText read_gitolite_lines(const ConfFiles& files, const std::string& file);

// `word`: what of the line it is about; empty: all of it.
[[nodiscard]] ConfigProblem problem_of(const ConfLine& line, std::string_view word, std::string text);

// Without its comment, blanks as single spaces, and spaces around the first '='.
[[nodiscard]] std::string clean_conf_line(std::string_view line);

}  // namespace gerve
