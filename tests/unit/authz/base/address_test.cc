#include "authz/base/address.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>

using namespace gerve;

TEST_CASE("addresses to listen at, and what is none") {
    for (const char* text : {"127.0.0.1:2222", "0.0.0.0:0", "[::]:22", "[fe80::1]:65535"}) {
        const auto address = ListenAddress::parse(text);
        REQUIRE_MESSAGE(address.has_value(), text);
        CHECK(address->text() == text);
    }
    for (const char* text :
         {"", ":22", "22", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:22",
          "[127.0.0.1]:22", "localhost:22", "[]:22", "127.0.0.1:22 ", "[::1]22", "127.1:22"}) {
        CHECK_MESSAGE(!ListenAddress::parse(text).has_value(), text);
    }
    CHECK_FALSE(ListenAddress::parse(std::string_view("127.0.0.1\0:22", 13)).has_value());
    CHECK(ListenAddress::parse("localhost:22").error().told ==
          "\"localhost:22\" is not an address to listen on: write \"0.0.0.0:22\" or \"[::]:22\"");
}

TEST_CASE("an address goes into a socket address and back") {
    sockaddr_storage storage;
    CHECK(ListenAddress::parse("10.1.2.3:80")->to_socket(storage) == sizeof(sockaddr_in));
    CHECK(ntohs(reinterpret_cast<sockaddr_in&>(storage).sin_port) == 80);
    CHECK(IpAddress::of_socket(storage)->text() == "10.1.2.3");
    CHECK(ListenAddress::parse("[2001:db8::7]:80")->to_socket(storage) == sizeof(sockaddr_in6));
    CHECK(IpAddress::of_socket(storage)->text() == "2001:db8::7");
    CHECK(ListenAddress::parse("[::ffff:10.1.2.3]:80")->to_socket(storage) == sizeof(sockaddr_in6));
    CHECK(IpAddress::of_socket(storage)->text() == "10.1.2.3");
    storage.ss_family = AF_UNIX;
    CHECK_FALSE(IpAddress::of_socket(storage).has_value());
}

TEST_CASE("networks contain their own addresses and no others") {
    const auto inside = [](const char* network, const char* address) {
        return Network::parse(network)->contains(*IpAddress::parse(address));
    };
    CHECK(inside("10.0.0.0/8", "10.255.0.1"));
    CHECK_FALSE(inside("10.0.0.0/8", "11.0.0.1"));
    CHECK(inside("192.168.1.128/25", "192.168.1.200"));
    CHECK_FALSE(inside("192.168.1.128/25", "192.168.1.127"));
    CHECK(inside("192.0.2.1", "192.0.2.1"));
    CHECK_FALSE(inside("192.0.2.1", "192.0.2.2"));
    CHECK(inside("0.0.0.0/0", "1.2.3.4"));
    CHECK_FALSE(inside("0.0.0.0/0", "::1"));
    CHECK(inside("fd00::/8", "fdff::1"));
    CHECK_FALSE(inside("fd00::/8", "fe00::1"));
}

TEST_CASE("a wrong network says what is wrong") {
    CHECK(Network::parse("10.0.0.0/33").error().told ==
          "\"10.0.0.0/33\" is not a network: the prefix length must be 0 to 32");
    CHECK(Network::parse("10.0.0.1/8").error().told == "\"10.0.0.1/8\" is not a network: host bits are set");
    CHECK(Network::parse("lan").error().told ==
          "\"lan\" is not a network: write \"10.0.0.0/8\", \"fd00::/8\" or one address");
    CHECK_FALSE(Network::parse("10.0.0.0/").has_value());
    CHECK_FALSE(Network::parse("10.0.0.0/8/8").has_value());
}

TEST_CASE("networks overlap when one lies in the other") {
    const auto overlap = [](const char* a, const char* b) {
        const auto one = Network::parse(a);
        const auto other = Network::parse(b);
        CHECK(one->overlaps(*other) == other->overlaps(*one));
        return one->overlaps(*other);
    };
    CHECK(overlap("10.0.0.0/8", "10.1.0.0/16"));
    CHECK(overlap("10.0.0.1", "10.0.0.1"));
    CHECK(overlap("fd00::/64", "fd00::1"));
    CHECK_FALSE(overlap("fd00::/64", "fd00:0:0:1::1"));
    CHECK_FALSE(overlap("10.0.0.0/16", "10.1.0.0/16"));
    CHECK_FALSE(overlap("0.0.0.0/0", "::/0"));
}

TEST_CASE("an IPv6 source is its /64, an IPv4 source its address") {
    CHECK(source_of("192.0.2.7") == "192.0.2.7");
    CHECK(source_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
    CHECK(source_of("2001:db8:1:2::1") == source_of("2001:db8:1:2:ffff::"));
    CHECK(source_of("2001:db8:1:3::1") != source_of("2001:db8:1:2::1"));
    CHECK(wide_source_of("192.0.2.7") == "192.0.2.7");
    CHECK(wide_source_of("2001:db8:1:2::1") == "2001:db8:1::/48");
    CHECK(wide_source_of("2001:db8:2:2::1") != wide_source_of("2001:db8:1:2::1"));
    CHECK(wide_source_of("uid 1000") == "uid 1000");
}
