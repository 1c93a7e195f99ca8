#include "authz/wire/requests.h"

#include <doctest/doctest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "tests/unit/authz/wire/wire_samples.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

std::string encoded(const Result<ReceivedRequest>& received) {
    REQUIRE(received.has_value());
    return std::visit([&](const auto& one) { return encode_request(received->head, one); },
                      received->request);
}

}  // namespace

TEST_CASE("each request says the same on the other side, and each of its fields is needed") {
    each_request([](const auto& request) {
        const std::string message = encode_request({1, 2}, request);
        CAPTURE(message);
        CHECK(encoded(parse_request(message)) == message);
        const auto tree = nlohmann::json::parse(message);
        for (const auto& [name, value] : tree["client"].items()) {
            auto without = tree;
            without["client"].erase(name);
            CAPTURE(name);
            CHECK_FALSE(parse_request(without.dump()).has_value());
        }
        for (const auto& [name, value] : tree.items()) {
            const bool of_report = tree["ask"] == "report";
            if (name == "again" || name == "proven_as" || name == "user" || name == "takes_report" ||
                name == "takes_options" ||
                (of_report && (name == "push" || name == "fetch" || name == "git_said")) ||
                (name == "git_protocol" && !of_report) || (name == "command" && tree["ask"] == "authorize"))
                continue;
            auto without = tree;
            without.erase(name);
            CAPTURE(name);
            CHECK_FALSE(parse_request(without.dump()).has_value());
        }
    });
}

TEST_CASE("the names and forms of each request are those that other versions know") {
    // clang-format off
    const std::array<std::string_view, request_count> known{
        R"({"id":1,"deadline":2,"ask":"key","blob":"AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f","login":"git","proven":true,"again":true,"takes_options":true,"client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"holder","handle":"aGFuZGxl","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"authorize","handle":"aGFuZGxl","service":"git-receive-pack","repo":"Alice/Site","git_protocol":"version=2","request":"00112233445566778899aabbccddeeff","proven_as":"git","takes_report":true,"command":"git-receive-pack '/Alice/Site.git'","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"report","handle":"aGFuZGxl","request":"00112233445566778899aabbccddeeff","service":"git-upload-pack","repo":"alice/site","server":"fs1","git_protocol":"version=2","bytes_in":17,"bytes_out":1099511627776,"duration_ms":99,"exit":128,"ended":"upstream-lost","push":"taken=3 refused=2 unknown=1 options=4 signed","fetch":"wants=9 clone partial","git_said":"fatal: it failed; error: no","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"ready","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"proof","handle":"aGFuZGxl","login":"git","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"change","command":"key add","arguments":["alice","a \"key\""],"failed":"it is there","facts":"{\"after\":1}","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"self","handle":"aGFuZGxl","what":"why","repo":"alice/site","push":true,"request":"00112233445566778899aabbccddeeff","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"live","began":[{"number":1152921504606846976,"handle":"aGFuZGxl","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"},"session":"00112233445566778899aabbccddeeff","service":"git-receive-pack","repo":"alice/site","server":"fs1","since":1700000000000},{"number":2,"handle":"aA","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"},"session":"c1","service":"","repo":"","server":"","since":0}],"moved":[[1,2,3],[4,5,18446744073709551615]],"ended":[6,7],"client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"sessions","after":17,"user":"Alice","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"kill","session":"c2","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"anonymous","repo":"Alice/Site","git_protocol":"version=2","request":"00112233445566778899aabbccddeeff","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"git"}})",
        R"({"id":1,"deadline":2,"ask":"refusal","reason":"login-name","text":"a text","login":"root","count":7,"handle":"aGFuZGxl","client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"push","handle":"aGFuZGxl","request":"00112233445566778899aabbccddeeff","repo":"alice/site","part":2,"changes":["refused unknown settled 0000000000000000000000000000000000000000 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa refs/heads/main\u0000hook declined","refused unknown settled 0000000000000000000000000000000000000000 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa refs/heads/main\u0000hook declined"],"client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
        R"({"id":1,"deadline":2,"ask":"certificate","blob":"AGNlcnT/","login":"git","proven":true,"again":true,"takes_options":true,"client":{"address":"192.0.2.7","version":"SSH-2.0-OpenSSH_9.2","connection":"c1","door":"gateway"}})",
    };
    // clang-format on
    each_request([&](const auto& request) {
        const std::string_view literal = known[index_of_request<std::decay_t<decltype(request)>>()];
        CAPTURE(literal);
        CHECK(nlohmann::json::parse(encode_request({1, 2}, request)) == nlohmann::json::parse(literal));
        CHECK(encoded(parse_request(literal)) == encode_request({1, 2}, request));
    });
}
