#include "authz/store/turns.h"

namespace gerve {
namespace {

constexpr std::string_view opening = "no turn for a statement of kind ";

}  // namespace

tl::unexpected<Error> no_turn(StatementKind kind) {
    return unavailable(std::string(opening) +
                       std::string(statement_kind_names[static_cast<std::size_t>(kind)]));
}

std::optional<StatementKind> waits_for_turn(const Error& error) {
    const std::string_view text = error.detail;
    if (error.kind != ErrorKind::unavailable || !text.starts_with(opening)) return std::nullopt;
    for (std::size_t i = 0; i < statement_kind_count; ++i) {
        // What was asked about stands behind it.
        const std::string_view rest = text.substr(opening.size());
        const std::string_view name = statement_kind_names[i];
        if (rest == name || (rest.starts_with(name) && rest.substr(name.size()).starts_with(" (")))
            return static_cast<StatementKind>(i);
    }
    return std::nullopt;
}

}  // namespace gerve
