// Turns: whether a statement of its kind may be run now; what keeps one kind that is slow from holding
// everything.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "authz/base/result.h"

namespace gerve {

// By the tables that they need: a lock on one of them makes one kind slow, or few. `deploy_key`: the
// repository of a deploy key; `hint`: a route, asked of the RouteHints; `own_keys`: Directory::list_keys();
// `certificate`: those about one.
enum class StatementKind {
    key,
    deploy_key,
    repository,
    redirect,
    permission,
    route,
    hint,
    own_keys,
    certificate
};
constexpr std::size_t statement_kind_count = 9;  // and their names in its order
constexpr std::array<std::string_view, statement_kind_count> statement_kind_names{
    "key", "deploy-key", "repository", "redirect", "permission", "route", "hint", "own-keys", "certificate"};

// One for each Directory, used by its thread.
class Turns {
  public:
    virtual ~Turns() = default;
    // False: not now. Otherwise give_back() follows, whatever becomes of the statement.
    [[nodiscard]] virtual bool take(StatementKind kind) = 0;
    virtual void give_back() = 0;
};

// A turn while a statement runs; always taken where there is nobody to ask (null).
class Turn {
  public:
    Turn(Turns* turns, StatementKind kind) : turns_(turns), taken_(turns == nullptr || turns->take(kind)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        if (turns_ != nullptr && taken_) turns_->give_back();
    }
    [[nodiscard]] bool taken() const { return taken_; }

  private:
    Turns* turns_;
    bool taken_;
};

// The answer to a question one of whose statements got no turn; it may be put again.
[[nodiscard]] tl::unexpected<Error> no_turn(StatementKind kind);
// Whether that is what an error says.
[[nodiscard]] std::optional<StatementKind> waits_for_turn(const Error& error);

}  // namespace gerve
