// What an import cannot take over as it is, with the place, the reason, and which of the two hosts gives
// more.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/enum_names.h"
#include "authz/model/repository.h"

namespace gerve {

struct FilePlace {
    std::string file;   // as it was given, or as an include names it
    unsigned line = 0;  // from 1; 0: the file as a whole
    friend auto operator<=>(const FilePlace&, const FilePlace&) = default;
    [[nodiscard]] std::string text() const { return line == 0 ? file : file + ":" + std::to_string(line); }
};

// What Gerve gives, compared with the other host, once the import is done.
enum class ImportEffect { same, less, more };
inline constexpr std::array<std::string_view, 3> import_effect_names{"same", "less", "more"};

// One user of the other host whose access to one of its repositories differs.
struct AccessCase {
    std::string repository;  // both as the other host names them
    std::string user;
    Access before = Access::none;  // there
    Access after = Access::none;   // in Gerve
};

struct ImportFinding {
    FilePlace place;
    std::string what;  // the line, the file or the name; text from outside
    std::string why;   // with the remedy, if there is one; may hold names from outside
    ImportEffect effect = ImportEffect::same;
    std::vector<AccessCase> cases;  // may be empty
};

using ImportFindings = std::vector<ImportFinding>;

void add_finding(ImportFindings& findings, FilePlace place, std::string what, std::string why,
                 ImportEffect effect);

}  // namespace gerve
