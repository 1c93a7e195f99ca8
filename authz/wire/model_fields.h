// How types of the model stand in messages: the words of enums, and the fields of structs.
#pragma once

#include <optional>
#include <string_view>
#include <tuple>

#include "authz/model/decision.h"
#include "authz/model/door.h"
#include "authz/model/git_command.h"
#include "authz/model/operation_end.h"
#include "authz/model/principal.h"
#include "authz/model/security_key.h"
#include "authz/wire/field.h"

namespace gerve {

[[nodiscard]] inline std::string_view word_of(Door door) {
    return door_name(door);
}
[[nodiscard]] inline std::optional<Door> parse_word(std::string_view word, const Door* /*type*/) {
    return parse_door(word);
}
[[nodiscard]] inline std::string_view word_of(Service service) {
    return service_name(service);
}
[[nodiscard]] inline std::optional<Service> parse_word(std::string_view word, const Service* /*type*/) {
    return parse_service(word);
}
[[nodiscard]] inline std::string_view word_of(Rule rule) {
    return rule_name(rule);
}
[[nodiscard]] inline std::optional<Rule> parse_word(std::string_view word, const Rule* /*type*/) {
    for (std::size_t i = 0; i < rule_count; ++i) {
        if (rule_name(static_cast<Rule>(i)) == word) return static_cast<Rule>(i);
    }
    return std::nullopt;
}
[[nodiscard]] inline std::string_view word_of(SelfQuestion::Kind kind) {
    return row_of(kind).name;
}
[[nodiscard]] inline std::optional<SelfQuestion::Kind> parse_word(std::string_view word,
                                                                  const SelfQuestion::Kind* /*type*/) {
    for (const SelfQuestionRow& row : self_question_rows) {
        if (row.name == word) return row.kind;
    }
    return std::nullopt;
}
[[nodiscard]] inline std::string_view word_of(OperationEnd end) {
    return operation_end_name(end);
}
[[nodiscard]] inline std::optional<OperationEnd> parse_word(std::string_view word,
                                                            const OperationEnd* /*type*/) {
    return parse_operation_end(word);
}

namespace wire {

template <>
struct Fields<User> {
    static constexpr auto list() {
        return std::tuple(field("user", &User::id), field("login", &User::login),
                          field("suspended", &User::suspended));
    }
};

template <>
struct Fields<DeployKey> {
    static constexpr auto list() {
        return std::tuple(field("repository", &DeployKey::repo_id), field("name", &DeployKey::repo),
                          field("can_write", &DeployKey::can_write));
    }
};

template <>
struct Fields<SharedDeployKey> {
    static constexpr auto list() {
        return std::tuple(field("shared_key", &SharedDeployKey::id), field("title", &SharedDeployKey::title));
    }
};

template <>
struct Fields<CertificateFacts> {
    static constexpr auto list() {
        using C = CertificateFacts;
        return std::tuple(field("authority", &C::authority), field("authority_key", &C::authority_key),
                          field("organization", &C::organization), field("serial", &C::serial),
                          field("key_id", &C::key_id), field("certificate", &C::certificate),
                          field("expires", &C::expires));
    }
};

template <>
struct Fields<CertifiedUser> {
    static constexpr auto list() {
        return std::tuple(field("certified", &CertifiedUser::certificate),
                          field("account", &CertifiedUser::user));
    }
};

template <>
struct Fields<KnownKey> {
    static constexpr auto list() {
        return std::tuple(field("id", &KnownKey::id), field("fingerprint", &KnownKey::fingerprint),
                          field("owner", &KnownKey::holder),
                          omissible("no_touch_required", &KnownKey::no_touch_required));
    }
};

template <>
struct Fields<SecurityKeyUse> {
    static constexpr auto list() {
        return std::tuple(field("flags", &SecurityKeyUse::flags), field("counter", &SecurityKeyUse::counter));
    }
};

template <>
struct Fields<SelfQuestion> {
    static constexpr auto list() {
        return std::tuple(field("what", &SelfQuestion::kind), field("repo", &SelfQuestion::repo),
                          field("push", &SelfQuestion::push));
    }
    static std::string_view misfit(const SelfQuestion& question) {
        const bool takes_repo = row_of(question.kind).takes_repo;
        return question.repo.has_value() == takes_repo && (!question.push || takes_repo) ? "" : "repo";
    }
};

}  // namespace wire
}  // namespace gerve
