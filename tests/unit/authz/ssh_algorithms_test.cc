#include "authz/ssh_algorithms.h"

#include <doctest/doctest.h>

#include "authz/config.h"

using namespace gerve;

namespace {

// "LINE:COLUMN TEXT" of the first problem; empty when there is none.
std::string problem_in(const std::string& text) {
    const auto config = parse_config(text, "/etc/gerve/gerve.toml");
    if (config) return "";
    const ConfigProblem& first = config.error().front();
    return std::to_string(first.line) + ":" + std::to_string(first.column) + " " + first.text;
}

}  // namespace

TEST_CASE("an algorithm that is unknown is told at its place: libssh would leave it out") {
    CHECK(
        problem_in("[ssh]\nkey_exchanges = [\"curve25519-sha256\",\n  \"curve25519-sha265\"]\n")
            .starts_with(
                "3:3 ssh.key_exchanges contains \"curve25519-sha265\", which is unknown; the known ones are "
                "mlkem768x25519-sha256, "));
    CHECK(problem_in("[ssh]\nciphers = [\"aes256-gcm\"]\n")
              .starts_with("2:12 ssh.ciphers contains \"aes256-gcm\", which is unknown; the known ones are "
                           "aes256-gcm@openssh.com, "));
    CHECK(problem_in("[ssh]\nciphers = []\nkey_exchanges = [\"sntrup761x25519-sha512@openssh.com\"]\n") ==
          "");
}
