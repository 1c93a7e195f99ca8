#include "gerve/cli/import/gitolite_pattern.h"

#include "authz/base/text.h"

namespace gerve {
namespace {

// What both kinds of expressions mean alike, of what follows a backslash.
constexpr std::string_view same_escapes = "dDwWsSbB.\\^$|()[]*?{}+-/_@,";

bool has_other_escape(std::string_view text) {
    for (auto at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at + 2)) {
        if (at + 1 == text.size() || same_escapes.find(text[at + 1]) == std::string_view::npos) return true;
    }
    return false;
}

// Groups with a flag and possessive quantifiers are Perl's alone; two quantifiers in a row are an error
// there.
bool has_other_construct(std::string_view text) {
    for (const std::string_view words : {"(?", "*+", "?+", "++", "}+", "**", "+*", "?*", "}*"}) {
        if (text.find(words) != std::string_view::npos) return true;
    }
    return false;
}

}  // namespace

Result<GitolitePattern> GitolitePattern::parse(const std::string& text) {
    const auto refuse = [&](const std::string& why) {
        return client_error("cannot match " + printable(text) + " as gitolite does: " + why);
    };
    if (has_other_escape(text) || has_other_construct(text))
        return refuse("it has a part that only Perl's regular expressions have");
    try {
        return GitolitePattern(std::regex("^" + text + "$", std::regex::ECMAScript | std::regex::optimize));
    } catch (const std::regex_error& error) {
        return refuse(error.what());
    }
}

}  // namespace gerve
