#include "authz/model/operation_facts.h"

#include <algorithm>
#include <limits>

#include "authz/base/text.h"

namespace gerve {
namespace {

struct Count {
    std::string_view name;
    std::uint32_t* number;
};
struct Flag {
    std::string_view name;
    bool* flag;
};

// "NAME=NUMBER" for each count, in order, and then the names of the flags that are set. Words that are not
// known are those of a later version.
template <std::size_t counts, std::size_t flags>
Result<void> read_words(std::string_view text, const Count (&count)[counts], const Flag (&flag)[flags]) {
    const auto words = split(text, ' ');
    std::size_t at = 0;
    for (const Count& one : count) {
        const std::string opening = std::string(one.name) + "=";
        if (at == words.size() || !words[at].starts_with(opening)) return client_error("malformed facts");
        const auto number = parse_decimal(words[at].substr(opening.size()));
        if (!number || *number > std::numeric_limits<std::uint32_t>::max())
            return client_error("malformed facts");
        *one.number = static_cast<std::uint32_t>(*number);
        ++at;
    }
    for (; at < words.size(); ++at) {
        for (const Flag& one : flag) {
            if (words[at] == one.name) *one.flag = true;
        }
    }
    return {};
}

}  // namespace

Result<RefChange> RefChange::parse(std::string_view text) {
    const auto word = [&text] {
        const std::string_view found = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), found.size() + 1));
        return found;
    };
    const auto outcome = find_in<RefOutcome>(ref_outcome_names, word());
    const auto forced = find_in<Forced>(forced_names, word());
    const std::string_view settled = word();
    RefChange change;
    change.old_id = word();
    change.new_id = word();
    const std::size_t end = text.find('\0');
    change.ref = text.substr(0, end);
    if (end != std::string_view::npos) change.why = text.substr(end + 1);
    const bool good = outcome && forced && (settled == "-" || settled == "settled") &&
                      is_object_id(change.old_id) && is_object_id(change.new_id) && !change.ref.empty() &&
                      change.ref.size() <= max_ref && change.why.size() <= max_why;
    if (!good) return client_error("malformed ref of a push");
    change.outcome = *outcome;
    change.forced = *forced;
    change.settled = settled == "settled";
    return change;
}

std::string RefChange::text() const {
    std::string text;
    text.reserve(ref.size() + why.size() + 2 * old_id.size() + 40);
    text += name_in(ref_outcome_names, outcome);
    text += ' ';
    text += name_in(forced_names, forced);
    text += settled ? " settled " : " - ";
    text.append(old_id).append(" ").append(new_id).append(" ").append(ref);
    if (!why.empty()) text.append(1, '\0').append(why);
    return text;
}

Result<PushFacts> PushFacts::parse(std::string_view text) {
    PushFacts facts;
    const Count counts[] = {{"taken", &facts.taken},
                            {"refused", &facts.refused},
                            {"unknown", &facts.unknown},
                            {"options", &facts.options}};
    const Flag flags[] = {{"signed", &facts.is_signed}};
    if (auto read = read_words(text, counts, flags); !read) return pass_on(read);
    return facts;
}

std::string PushFacts::text() const {
    return "taken=" + std::to_string(taken) + " refused=" + std::to_string(refused) +
           " unknown=" + std::to_string(unknown) + " options=" + std::to_string(options) +
           (is_signed ? " signed" : "");
}

Result<FetchFacts> FetchFacts::parse(std::string_view text) {
    FetchFacts facts;
    const Count counts[] = {{"wants", &facts.wants}};
    const Flag flags[] = {{"clone", &facts.clone}, {"shallow", &facts.shallow}, {"partial", &facts.partial}};
    if (auto read = read_words(text, counts, flags); !read) return pass_on(read);
    return facts;
}

std::string FetchFacts::text() const {
    return "wants=" + std::to_string(wants) + (clone ? " clone" : "") + (shallow ? " shallow" : "") +
           (partial ? " partial" : "");
}

}  // namespace gerve
