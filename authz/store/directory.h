// Directory: the four questions that a login asks, each one indexed statement over a Database.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "authz/base/clock.h"
#include "authz/model/principal.h"
#include "authz/model/repository.h"
#include "authz/model/route.h"
#include "authz/store/database.h"

namespace gerve {

enum class Query { key, repository, redirect, permission, route };
enum class Answer { found, missing, unavailable };
[[nodiscard]] std::string_view query_name(Query query);
[[nodiscard]] std::string_view answer_name(Answer answer);

// How often each question was asked and how it was answered, over all threads since the start.
class QueryCounters {
  public:
    void count(Query query, Answer answer) { at(query, answer).fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t of(Query query, Answer answer) const {
        return counts_[static_cast<std::size_t>(query)][static_cast<std::size_t>(answer)].load(
            std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t of(Query query) const {
        return of(query, Answer::found) + of(query, Answer::missing) + of(query, Answer::unavailable);
    }

  private:
    std::atomic<std::uint64_t>& at(Query query, Answer answer) {
        return counts_[static_cast<std::size_t>(query)][static_cast<std::size_t>(answer)];
    }
    std::array<std::array<std::atomic<std::uint64_t>, 3>, 5> counts_{};
};

// Answers found, missing (nullopt), or the one error `unavailable`, which is never turned into either. A row
// that does not make sense (a login that is no login, two rows for one key) is unavailable, not guessed at.
class Directory {
  public:
    // Owns neither. `local` is the route of every owner as long as no server was added.
    Directory(Database& database, QueryCounters& counters, Route local)
        : database_(database), counters_(counters), local_(std::move(local)) {}

    // A key that is neither revoked nor expired at `now`. The whole blob is compared, not its hash alone.
    [[nodiscard]] Result<std::optional<KnownKey>> find_key(const PublicKey& key, UnixMillis now);
    // By the fingerprint alone: for an administrator's question, never for a login.
    [[nodiscard]] Result<std::optional<KnownKey>> find_key(const Fingerprint& key, UnixMillis now);
    // Whether a key that was found before is still the same, and what has become of its owner.
    [[nodiscard]] Result<std::optional<KnownKey>> find_key_again(const KnownKey& key, UnixMillis now);

    // By its name now, else by one it had (`moved`).
    [[nodiscard]] Result<std::optional<Repository>> find_repository(const RepoPath& path);

    // What is granted directly, by teams and by the organisation that owns it; three times `none` is missing.
    [[nodiscard]] Result<Permission> find_permission(AccountId account, const Repository& repository);

    // Where an owner's repositories live.
    [[nodiscard]] Result<std::optional<Route>> find_route(const Login& owner);

  private:
    Result<std::optional<KnownKey>> look_up_key(const Fingerprint& key, const std::string* blob,
                                                UnixMillis now);
    Result<std::optional<Repository>> look_up_repository(const Statement& statement, const RepoPath& path,
                                                         bool moved);
    template <class T>
    T counted(Query query, T result);

    Database& database_;
    QueryCounters& counters_;
    Route local_;
};

// The SQL of every statement above, so that a test can see that each uses an index.
[[nodiscard]] const std::array<Statement, 5>& directory_statements();

}  // namespace gerve
