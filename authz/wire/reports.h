// The requests that tell authz what happened, for the trail: each is answered by Done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "authz/model/operation_end.h"
#include "authz/model/operation_facts.h"
#include "authz/wire/protocol.h"

namespace gerve {

// A key was proven, and nothing is asked for (soon) by which that could be told.
struct ProofReport {
    std::string handle;
    std::string login;  // the SSH user name
    ClientContext client;

    static constexpr std::string_view name = "proof";
    using Reply = Done;
    static constexpr auto fields() {
        return std::tuple(wire::field<wire::HandleText>("handle", &ProofReport::handle),
                          wire::field("login", &ProofReport::login),
                          wire::field("client", &ProofReport::client));
    }
};

// One git operation that came to its end, whatever the end was.
struct SessionReport {
    std::string handle;  // of the principal; empty: nobody logged in
    RequestId request;
    ClientContext client;
    std::string service;          // "git-upload-pack" …; or a question about the key: "whoami" …
    std::string repo;             // as asked, OWNER/NAME
    std::string server;           // file server, empty if none was reached
    std::string git_protocol;     // empty: version 0
    std::uint64_t bytes_in = 0;   // from the client
    std::uint64_t bytes_out = 0;  // to the client
    std::uint64_t duration_ms = 0;
    int exit = 0;
    OperationEnd ended = OperationEnd::other;
    std::optional<PushFacts> push{};    // as the file server told them
    std::optional<FetchFacts> fetch{};  // likewise
    std::string git_said{};             // the end of what git wrote for people, when it failed; one line
    std::vector<std::string> host_keys_learned{};  // fingerprints: which the client has had proven meanwhile

    static constexpr std::string_view name = "report";
    using Reply = Done;
    static constexpr auto fields() {
        using R = SessionReport;
        return std::tuple(wire::field<wire::HandleText>("handle", &R::handle),
                          wire::field("request", &R::request), wire::field("client", &R::client),
                          wire::field("service", &R::service), wire::field("repo", &R::repo),
                          wire::field("server", &R::server), wire::field("git_protocol", &R::git_protocol),
                          wire::field("bytes_in", &R::bytes_in), wire::field("bytes_out", &R::bytes_out),
                          wire::field("duration_ms", &R::duration_ms), wire::field("exit", &R::exit),
                          wire::field("ended", &R::ended), wire::field("push", &R::push),
                          wire::field("fetch", &R::fetch),
                          wire::omissible<wire::Text<max_git_said>>("git_said", &R::git_said),
                          wire::omissible<wire::FirstOf<16>>("host_keys_learned", &R::host_keys_learned));
    }
};

constexpr std::size_t max_push_part = 128;  // refs in one message

// What a push did to its refs, or a part of them: told before the SessionReport of the same request.
struct PushReport {
    std::string handle;  // of the principal
    RequestId request;
    ClientContext client;
    std::string repo;        // OWNER/NAME
    std::uint32_t part = 1;  // of the push, counted from 1
    std::vector<RefChange> changes;

    static constexpr std::string_view name = "push";
    using Reply = Done;
    static constexpr auto fields() {
        using R = PushReport;
        return std::tuple(
            wire::field<wire::HandleText>("handle", &R::handle), wire::field("request", &R::request),
            wire::field("client", &R::client), wire::field("repo", &R::repo), wire::field("part", &R::part),
            wire::field<wire::Array<max_push_part, wire::Text<RefChange::max_text>>>("changes", &R::changes));
    }
    [[nodiscard]] std::string_view misfit() const { return changes.empty() ? "changes" : ""; }
};

// A connection, or an attempt to log in, that was refused or ended, before or behind the login.
struct RefusalReport {
    ClientContext client;
    std::string reason;  // a word, as "login-name"; see docs/audit.md
    std::string text;    // for people; parts of it may come from the client
    std::string login;   // the SSH user name that was tried; may be empty
    std::uint64_t count = 1;
    std::string handle;  // of the principal; empty: nobody had logged in

    static constexpr std::string_view name = "refusal";
    using Reply = Done;
    static constexpr auto fields() {
        using R = RefusalReport;
        return std::tuple(wire::field("client", &R::client), wire::field("reason", &R::reason),
                          wire::field("text", &R::text), wire::field("login", &R::login),
                          wire::field("count", &R::count),
                          wire::field<wire::HandleText>("handle", &R::handle));
    }
    [[nodiscard]] std::string_view misfit() const {
        constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
        const bool is_word =
            !reason.empty() && reason.size() <= 64 && reason.find_first_not_of(letters) == std::string::npos;
        return !is_word ? "reason" : count == 0 ? "count" : "";
    }
};

constexpr std::size_t max_arguments = 64;      // words of a command's line; no more are recorded
constexpr std::size_t max_change_text = 4096;  // bytes: one of them, a reason, or what changed

// A command that changes the directory, at its end. With an empty command it is only asked whether an event
// would be taken.
struct ChangeReport {
    std::string command;  // "key add"
    std::vector<std::string> arguments;
    std::string failed;  // why it was refused; empty: it was done
    std::string facts;   // an object as JSON: "before", "after" …; or empty
    ClientContext client;

    static constexpr std::string_view name = "change";
    using Reply = Done;
    static constexpr auto fields() {
        using R = ChangeReport;
        using Words = wire::FirstOf<max_arguments, wire::Text<max_change_text>>;
        return std::tuple(wire::field("command", &R::command), wire::field<Words>("arguments", &R::arguments),
                          wire::field<wire::Text<max_change_text>>("failed", &R::failed),
                          wire::field<wire::JsonObject<max_change_text>>("facts", &R::facts),
                          wire::field("client", &R::client));
    }
};

}  // namespace gerve
