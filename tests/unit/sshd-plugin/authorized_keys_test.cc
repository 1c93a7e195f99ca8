#include "sshd-plugin/authorized_keys.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "authz/base/text.h"

using namespace gerve;
using namespace gerve::sshd;

namespace {

std::string blob_of(std::mt19937& random) {
    std::string blob("\0\0\0\x0bssh-ed25519\0\0\0\x20", 19);
    for (int i = 0; i < 32; ++i) blob += static_cast<char>(random());
    return blob;
}

std::vector<std::string> words_for(const std::string& blob) {
    return {"git", "ssh-ed25519", to_base64(blob), Fingerprint::of_blob(blob).text()};
}

KeyFound found_for(const PublicKey& key, std::string handle = "aGFuZGxl") {
    return {{KeyId{1}, key.fingerprint(), User{AccountId{1}, *Login::parse("alice")}}, std::move(handle)};
}

// What an attacker would like to see in the line, put where a comment, a type or a key would stand.
const std::vector<std::string> insertions{"\n",
                                          "\r",
                                          "\r\n",
                                          "\"",
                                          "\\\"",
                                          "'",
                                          " ",
                                          "\t",
                                          "\x1b[2J",
                                          "\xe2\x80\xa8",
                                          std::string("\0", 1),
                                          " command=\"/bin/sh\"",
                                          "\ncommand=\"/bin/sh\" ssh-ed25519 AAAA",
                                          "\",no-pty,command=\"id",
                                          "#",
                                          ",",
                                          "%k",
                                          "=="};

const ForcedCommand plain{"/usr/lib/gerve/gerve-shell", "", ""};

}  // namespace

TEST_CASE("the line is restrict, the forced command, and the key as it was parsed") {
    std::mt19937 random(1);
    const std::string blob = blob_of(random);
    const auto offer = parse_offer(words_for(blob));
    REQUIRE(offer.has_value());
    CHECK(offer->login == "git");
    CHECK(offer->address.empty());
    CHECK(make_line(plain, found_for(offer->key), offer->key) ==
          "restrict,command=\"/usr/lib/gerve/gerve-shell aGFuZGxl\" ssh-ed25519 " + to_base64(blob) + "\n");
    const ForcedCommand full{"/opt/gerve-shell", "/srv/a.sock", "/etc/gerve/notice"};
    CHECK(make_line(full, found_for(offer->key), offer->key)
              ->starts_with("restrict,command=\"/opt/gerve-shell --socket /srv/a.sock --notice "
                            "/etc/gerve/notice aGFuZGxl\" ssh-"));
}

TEST_CASE("a security key's line tells sshd what to check, and no other line does") {
    std::string body("\0\0\0\x1ask-ssh-ed25519@openssh.com\0\0\0\x20", 34);
    body += std::string(32, 'k') + std::string("\0\0\0\x04ssh:", 8);
    const auto key = PublicKey::parse_blob(body);
    REQUIRE(key.has_value());
    KeyFound found = found_for(*key);
    CHECK(make_line(plain, found, *key)->starts_with("restrict,command="));
    found.verify_required = true;
    CHECK(make_line(plain, found, *key)->starts_with("restrict,verify-required,command="));
    found.verify_required = false;
    found.no_touch_required = true;
    CHECK(make_line(plain, found, *key)->starts_with("restrict,no-touch-required,command="));
    std::mt19937 random(3);
    const auto other = PublicKey::parse_blob(blob_of(random));
    KeyFound of_other = found_for(*other);
    of_other.no_touch_required = true;
    CHECK(make_line(plain, of_other, *other)->starts_with("restrict,command="));
}

TEST_CASE("no key and no comment of 2,000 generated ones can change the line") {
    std::mt19937 random(20090801);
    for (int round = 0; round < 2'000; ++round) {
        const std::string blob = blob_of(random);
        const auto words = words_for(blob);
        const auto key = PublicKey::parse_blob(blob);
        REQUIRE(key.has_value());
        const std::string expected = *make_line(plain, found_for(*key), *key);
        CHECK(std::count(expected.begin(), expected.end(), '\n') == 1);
        CHECK(std::count(expected.begin(), expected.end(), '"') == 2);
        auto altered = words;
        std::string& word = altered[random() % 4];
        const std::string& insertion = insertions[random() % insertions.size()];
        const bool into_login = &word == &altered[0];
        word.insert(random() % (word.size() + 1), insertion);
        const auto offer = parse_offer(altered);
        CAPTURE(insertion);
        // sshd's own words are refused when anything is added; the login is the caller's to compare, and no
        // part of the line.
        CHECK(offer.has_value() == into_login);
        if (offer) CHECK(make_line(plain, found_for(offer->key), offer->key) == expected);
        // A key file's line with a hostile comment.
        const auto commented = PublicKey::parse_line(key->text() + " me" + insertion);
        if (commented) CHECK(make_line(plain, found_for(*commented), *commented) == expected);
    }
}

TEST_CASE("a comment of any bytes makes the line that no comment makes, or no key") {
    std::mt19937 random(7);
    int understood = 0;
    for (int round = 0; round < 5'000; ++round) {
        const auto key = PublicKey::parse_blob(blob_of(random));
        REQUIRE(key.has_value());
        std::string comment;
        for (auto left = random() % 40; left > 0; --left) {
            comment += random() % 4 == 0 ? insertions[random() % insertions.size()]
                                         : std::string(1, static_cast<char>(random()));
        }
        const auto commented = PublicKey::parse_line(key->text() + " " + comment);
        if (!commented) continue;
        ++understood;
        CHECK(make_line(plain, found_for(*commented), *commented) ==
              *make_line(plain, found_for(*key), *key));
    }
    CHECK(understood > 100);
}

TEST_CASE(
    "a type or fingerprint that is not the key's is trouble; a kind of key that is not accepted is not") {
    std::mt19937 random(2);
    auto words = words_for(blob_of(random));
    words[1] = "ssh-rsa";
    CHECK(parse_offer(words).error().kind == ErrorKind::internal);
    words = words_for(blob_of(random));
    words[3] = Fingerprint::of_blob("another").text();
    CHECK(parse_offer(words).error().kind == ErrorKind::internal);
    words[3] = "MD5:00:11";
    CHECK(parse_offer(words).error().kind == ErrorKind::internal);
    words[2] = to_base64(std::string("\0\0\0\x1assh-ed25519-cert-v01@open", 30));
    CHECK(parse_offer(words).error().kind == ErrorKind::client);
}

TEST_CASE("an answer for another key, a handle that is none and a path that wants quoting make no line") {
    std::mt19937 random(3);
    const auto key = *PublicKey::parse_blob(blob_of(random));
    const auto other = *PublicKey::parse_blob(blob_of(random));
    CHECK_FALSE(make_line(plain, found_for(other), key).has_value());
    for (const std::string handle : {"", "a b", "a\"", "a\n", "%%%%", "aGFuZGxl\"", "-c"}) {
        CAPTURE(handle);
        CHECK_FALSE(make_line(plain, found_for(key, handle), key).has_value());
    }
    CHECK_FALSE(make_line(plain, found_for(key, std::string(1028, 'A')), key).has_value());
    for (const std::string path : {"/a b", "/a\"b", "/a\nb", "/a;b", "/$HOME"}) {
        CAPTURE(path);
        CHECK_FALSE(make_line({path, "", ""}, found_for(key), key).has_value());
        CHECK_FALSE(make_line({"/s", path, ""}, found_for(key), key).has_value());
        CHECK_FALSE(make_line({"/s", "", path}, found_for(key), key).has_value());
    }
}

TEST_CASE("the client's address is taken where sshd tells the connection (%C)") {
    std::mt19937 random(4);
    auto words = words_for(blob_of(random));
    words.emplace_back("192.0.2.7 51234 192.0.2.1 22");
    CHECK(parse_offer(words)->address == "192.0.2.7");
    words.back() = "2001:db8::7 51234 2001:db8::1 22";
    CHECK(parse_offer(words)->address == "2001:db8::7");
    words.back() = "192.0.2.7\"\n";
    CHECK(parse_offer(words)->address.empty());
}
