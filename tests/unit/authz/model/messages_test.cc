#include "authz/model/messages.h"

#include <doctest/doctest.h>

#include "authz/model/url_path.h"

using namespace gerve;

namespace {

const RequestId request = *RequestId::parse("000102030405060708090a0b0c0d0eff");
const RepoPath repo = *RepoPath::parse("Mojombo/bert");

}  // namespace

TEST_CASE("what a git client is told, to the byte") {
    CHECK(messages::greeting("alice") ==
          "Hi alice! You've successfully authenticated, but Gerve does not provide shell access.\n");
    CHECK(messages::unknown_command() ==
          "ERROR: Unknown command. Gerve runs git-upload-pack, git-receive-pack and git-upload-archive.\n");
    CHECK(messages::repository_not_found() == "ERROR: Repository not found.\n");
    CHECK(messages::no_repository_path() ==
          "ERROR: Invalid repository path. The form is OWNER/NAME, as in git@HOST:OWNER/NAME.git or "
          "ssh://git@HOST/OWNER/NAME.git.\n");
    CHECK(messages::write_denied(repo, "alice") == "ERROR: Permission to Mojombo/bert denied to alice.\n");
    CHECK(messages::write_denied(repo, "deploy key") ==
          "ERROR: Permission to Mojombo/bert denied to deploy key.\n");
    CHECK(messages::archived(repo) == "ERROR: Mojombo/bert is archived and read-only.\n");
    constexpr std::uint64_t gib = std::uint64_t{1} << 30;
    CHECK(
        messages::push_too_large(repo, 2 * gib) ==
        "ERROR: This push is larger than 2.0 GiB, the limit for one push to Mojombo/bert. Push in parts, an "
        "earlier commit first: git push origin COMMIT:refs/heads/BRANCH\n");
    CHECK(messages::repository_full(repo, 11 * gib, 10 * gib) ==
          "ERROR: Mojombo/bert uses 11.0 GiB of its 10.0 GiB, and this push does not fit. Ask an "
          "administrator for "
          "more room.\n");
    CHECK(messages::owner_full(repo.owner(), 49 * gib, 50 * gib) ==
          "ERROR: The repositories of Mojombo use 49.0 GiB of 50.0 GiB, and this push does not fit. Delete a "
          "repository, or ask an administrator for more room.\n");
    CHECK(messages::suspended() == "ERROR: Your account is suspended.\n");
    CHECK(messages::withdrawn() == "ERROR: Your access was withdrawn.\n");
    CHECK(messages::connection_too_old() ==
          "ERROR: This SSH connection has been open too long to start another operation. Connect again.\n");
    CHECK(messages::moved(repo, *RepoPath::parse("new/name")) ==
          "remote: Mojombo/bert has moved to new/name\n");
    CHECK(messages::cannot_check(request) ==
          "ERROR: Gerve cannot check your access right now. Try again in a minute."
          " (request 000102030405060708090a0b0c0d0eff)\n");
    CHECK(messages::server_not_answering(repo.owner(), request) ==
          "ERROR: The file server for Mojombo is not answering. Try again in a minute."
          " (request 000102030405060708090a0b0c0d0eff)\n");
    CHECK(messages::connection_lost(request) ==
          "ERROR: The connection to the file server was lost. (request 000102030405060708090a0b0c0d0eff)\n");
}

TEST_CASE("an operator's notice is one line, whatever the file holds") {
    CHECK(messages::notice("Maintenance at noon") == "remote: Maintenance at noon\n");
    CHECK(messages::notice("a\nb\r\x1b[2J\x7f") == "remote: a b  [2J \n");
    CHECK(messages::notice("Zur\xc3\xbc"
                           "ck \xe2\x80\xae\xc2\x9b") ==
          "remote: Zur\xc3\xbc"
          "ck \\xe2\\x80\\xae\\xc2\\x9b\n");
}

TEST_CASE("the exit statuses are those that scripts know") {
    CHECK(static_cast<int>(ExitStatus::refused) == 1);
    CHECK(static_cast<int>(ExitStatus::unavailable) == 75);
    CHECK(static_cast<int>(ExitStatus::failed) == 128);
}

TEST_CASE("a request id is 16 random bytes, written as 32 hex digits") {
    CHECK(RequestId::make().bytes().size() == 16);
    CHECK(RequestId::make().text() != RequestId::make().text());
    CHECK(RequestId::parse(request.text())->bytes() == request.bytes());
    for (const char* text : {"", "00", "000102030405060708090a0b0c0d0e", "000102030405060708090a0b0c0d0exx",
                             "000102030405060708090a0b0c0d0eff00"}) {
        CAPTURE(text);
        CHECK_FALSE(RequestId::parse(text).has_value());
    }
}
