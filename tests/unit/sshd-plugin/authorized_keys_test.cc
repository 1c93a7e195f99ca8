#include "sshd-plugin/authorized_keys.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "authz/base/ssh_fields.h"
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

Result<std::string> line_for(const PublicKey& key) {
    return make_line(plain, found_for(key), {"git", key, ""});
}

// A certificate as a client offers it, whose signature is nobody's.
std::string certificate_blob(const std::string& key, const std::string& authority,
                             const std::vector<std::string>& principals) {
    std::string blob;
    put_field(blob, "ssh-ed25519-cert-v01@openssh.com");
    put_field(blob, "nonce");
    put_field(blob, std::string_view(key).substr(19));
    put_number(blob, std::uint64_t{17});
    put_number(blob, std::uint32_t{1});
    put_field(blob, "laptop");
    std::string list;
    for (const std::string& one : principals) put_field(list, one);
    put_field(blob, list);
    put_number(blob, std::uint64_t{0});
    put_number(blob, ~std::uint64_t{0});
    for (int empty = 0; empty < 3; ++empty) put_field(blob, "");
    put_field(blob, authority);
    std::string signature;
    put_field(signature, "ssh-ed25519");
    put_field(signature, std::string(64, 's'));
    put_field(blob, signature);
    return blob;
}

struct Certified {
    explicit Certified(const std::vector<std::string>& principals, unsigned seed = 11) {
        std::mt19937 random(seed);
        const std::string key = blob_of(random);
        authority = blob_of(random);
        const std::string blob = certificate_blob(key, authority, principals);
        words = {"git", "ssh-ed25519-cert-v01@openssh.com", to_base64(blob),
                 Fingerprint::of_blob(key).text()};
    }
    [[nodiscard]] Offer offer() const {
        auto offer = parse_offer(words);
        REQUIRE_MESSAGE(offer.has_value(), describe(offer.error()));
        return *offer;
    }
    // As authz answers.
    [[nodiscard]] KeyFound found() const {
        const Offer asked = offer();
        CertificateFacts facts{AuthorityId{1},
                               asked.certificate->authority().fingerprint(),
                               {},
                               17,
                               "laptop",
                               asked.certificate->fingerprint(),
                               0};
        CertifiedUser user{std::move(facts), User{AccountId{1}, *Login::parse("alice")}};
        return {{KeyId{0}, asked.key.fingerprint(), std::move(user)}, "aGFuZGxl"};
    }

    std::string authority;
    std::vector<std::string> words;
};

}  // namespace

TEST_CASE("the line is restrict, the forced command, and the key as it was parsed") {
    std::mt19937 random(1);
    const std::string blob = blob_of(random);
    const auto offer = parse_offer(words_for(blob));
    REQUIRE(offer.has_value());
    CHECK(offer->login == "git");
    CHECK(offer->address.empty());
    CHECK(make_line(plain, found_for(offer->key), *offer) ==
          "restrict,command=\"/usr/lib/gerve/gerve-shell aGFuZGxl\" ssh-ed25519 " + to_base64(blob) + "\n");
    const ForcedCommand full{"/opt/gerve-shell", "/srv/a.sock", "/etc/gerve/notice"};
    CHECK(make_line(full, found_for(offer->key), *offer)
              ->starts_with("restrict,command=\"/opt/gerve-shell --socket /srv/a.sock --notice "
                            "/etc/gerve/notice aGFuZGxl\" ssh-"));
}

TEST_CASE("a security key's line tells sshd what to check, and no other line does") {
    std::string body("\0\0\0\x1ask-ssh-ed25519@openssh.com\0\0\0\x20", 34);
    body += std::string(32, 'k') + std::string("\0\0\0\x04ssh:", 8);
    const auto key = PublicKey::parse_blob(body);
    REQUIRE(key.has_value());
    KeyFound found = found_for(*key);
    CHECK(make_line(plain, found, {"git", *key, ""})->starts_with("restrict,command="));
    found.verify_required = true;
    CHECK(make_line(plain, found, {"git", *key, ""})->starts_with("restrict,verify-required,command="));
    found.verify_required = false;
    found.no_touch_required = true;
    CHECK(make_line(plain, found, {"git", *key, ""})->starts_with("restrict,no-touch-required,command="));
    std::mt19937 random(3);
    const auto other = PublicKey::parse_blob(blob_of(random));
    KeyFound of_other = found_for(*other);
    of_other.no_touch_required = true;
    CHECK(make_line(plain, of_other, {"git", *other, ""})->starts_with("restrict,command="));
}

TEST_CASE("no key and no comment of 2,000 generated ones can change the line") {
    std::mt19937 random(20090801);
    for (int round = 0; round < 2'000; ++round) {
        const std::string blob = blob_of(random);
        const auto words = words_for(blob);
        const auto key = PublicKey::parse_blob(blob);
        REQUIRE(key.has_value());
        const std::string expected = *line_for(*key);
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
        if (offer) CHECK(make_line(plain, found_for(offer->key), *offer) == expected);
        // A key file's line with a hostile comment.
        const auto commented = PublicKey::parse_line(key->text() + " me" + insertion);
        if (commented) CHECK(line_for(*commented) == expected);
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
        CHECK(line_for(*commented) == *line_for(*key));
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
    CHECK_FALSE(make_line(plain, found_for(other), {"git", key, ""}).has_value());
    for (const std::string handle : {"", "a b", "a\"", "a\n", "%%%%", "aGFuZGxl\"", "-c"}) {
        CAPTURE(handle);
        CHECK_FALSE(make_line(plain, found_for(key, handle), {"git", key, ""}).has_value());
    }
    CHECK_FALSE(make_line(plain, found_for(key, std::string(1028, 'A')), {"git", key, ""}).has_value());
    for (const std::string path : {"/a b", "/a\"b", "/a\nb", "/a;b", "/$HOME"}) {
        CAPTURE(path);
        CHECK_FALSE(make_line({path, "", ""}, found_for(key), {"git", key, ""}).has_value());
        CHECK_FALSE(make_line({"/s", path, ""}, found_for(key), {"git", key, ""}).has_value());
        CHECK_FALSE(make_line({"/s", "", path}, found_for(key), {"git", key, ""}).has_value());
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

TEST_CASE("for a certificate the line has its authority, and one of its principals") {
    const Certified one({"bad, principal", "alice", "bob"});
    CHECK(make_line(plain, one.found(), one.offer()) ==
          "restrict,cert-authority,principals=\"alice\",command=\"/usr/lib/gerve/gerve-shell aGFuZGxl\" "
          "ssh-ed25519 " +
              to_base64(one.authority) + "\n");
    const Certified nobody({});
    CHECK(make_line(plain, nobody.found(), nobody.offer())
              ->starts_with("restrict,cert-authority,command=\"/usr/lib/gerve/gerve-shell aGFuZGxl\" ssh-"));
}

TEST_CASE("no principal can change the line") {
    for (const std::string& insertion : insertions) {
        CAPTURE(insertion);
        const Certified one({"alice" + insertion, insertion});
        const bool harmless = insertion == "==";
        const auto line = make_line(plain, one.found(), one.offer());
        REQUIRE(line.has_value() == harmless);
        if (!line) CHECK(line.error().kind == ErrorKind::client);
    }
    const Certified longest({std::string(255, 'a')});
    CHECK(make_line(plain, longest.found(), longest.offer()).has_value());
    const Certified longer({std::string(256, 'a')});
    CHECK_FALSE(make_line(plain, longer.found(), longer.offer()).has_value());
}

TEST_CASE("an answer about something else makes no line for a certificate") {
    const Certified one({"alice"});
    const Certified other({"alice"}, 12);
    CHECK_FALSE(make_line(plain, other.found(), one.offer()).has_value());
    CHECK_FALSE(make_line(plain, found_for(one.offer().key), one.offer()).has_value());
    Offer as_key = one.offer();
    as_key.certificate.reset();
    CHECK_FALSE(make_line(plain, one.found(), as_key).has_value());
    KeyFound elsewhere = one.found();
    std::get<CertifiedUser>(elsewhere.key.holder).certificate.authority_key = Fingerprint::of_blob("x");
    CHECK_FALSE(make_line(plain, elsewhere, one.offer()).has_value());
    KeyFound another = one.found();
    std::get<CertifiedUser>(another.key.holder).certificate.certificate = Fingerprint::of_blob("x");
    CHECK_FALSE(make_line(plain, another, one.offer()).has_value());
}

TEST_CASE("sshd's words about a certificate have to agree") {
    Certified one({"alice"});
    CHECK(one.offer().certificate->key_id() == "laptop");
    auto words = one.words;
    words[1] = "ssh-rsa-cert-v01@openssh.com";
    CHECK(parse_offer(words).error().kind == ErrorKind::internal);
    words = one.words;
    words[3] = Fingerprint::of_blob("another").text();
    CHECK(parse_offer(words).error().kind == ErrorKind::internal);
    words = one.words;
    words[2] = to_base64(from_base64(words[2])->substr(0, 200));
    CHECK(parse_offer(words).error().kind == ErrorKind::client);
}
