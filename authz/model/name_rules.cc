#include "authz/model/name_rules.h"

#include <algorithm>

#include "authz/base/text.h"

namespace gerve {
namespace {

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

}  // namespace

bool is_valid_name(std::string_view name, std::size_t limit) {
    if (name.empty() || name.size() > limit) return false;
    if (name.front() == '-' || name == "." || name == "..") return false;
    if (!std::all_of(name.begin(), name.end(), is_name_character)) return false;
    const std::string folded = fold_case(name);
    return !folded.ends_with(".git") && !folded.ends_with(".lock");
}

}  // namespace gerve
