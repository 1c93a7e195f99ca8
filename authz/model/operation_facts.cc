#include "authz/model/operation_facts.h"

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

// "NAME=NUMBER" for each count, in order, and then the names of the flags that are set, in order.
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
    for (const Flag& one : flag) {
        *one.flag = at < words.size() && words[at] == one.name;
        if (*one.flag) ++at;
    }
    if (at < words.size()) return client_error("malformed facts");
    return {};
}

}  // namespace

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
