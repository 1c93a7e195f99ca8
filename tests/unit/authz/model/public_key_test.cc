#include "authz/model/public_key.h"

#include <doctest/doctest.h>

#include <type_traits>

#include "authz/base/fd.h"
#include "authz/base/text.h"

using namespace gerve;

namespace {

// Keys that ssh-keygen made; the fuzzer starts from the same ones.
std::string key_file(const std::string& name) {
    auto content = read_file(std::string(TEST_KEYS) + "/" + name + ".pub");
    REQUIRE_MESSAGE(content.has_value(), name);
    return *content;
}

// RFC 4251 string.
std::string wire(std::string_view bytes) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift & 0xff);
    return out.append(bytes);
}

std::string rsa_blob(std::string_view modulus,
                     std::string_view exponent = std::string_view("\x01\x00\x01", 3)) {
    return wire("ssh-rsa") + wire(exponent) + wire(modulus);
}

// A modulus of that many bits, in the shortest form of an mpint.
std::string modulus_of(std::size_t bits) {
    std::string bytes((bits + 7) / 8, '\x55');
    bytes[0] = static_cast<char>(1 << ((bits - 1) % 8));
    return bits % 8 == 0 ? std::string(1, '\0') + bytes : bytes;
}

std::string refusal(const Result<PublicKey>& key) {
    REQUIRE_FALSE(key.has_value());
    CHECK(key.error().kind == ErrorKind::client);
    return key.error().told;
}

std::string ed25519_blob() {
    return wire("ssh-ed25519") + wire(std::string(32, 'k'));
}

}  // namespace

TEST_CASE("keys of every accepted kind, with the fingerprint that ssh-keygen -l prints") {
    struct Row {
        const char* file;
        const char* algorithm;
        unsigned bits;
        const char* fingerprint;
        const char* comment;
    };
    for (const Row& row : {
             Row{"ed25519", "ssh-ed25519", 256, "SHA256:yg3mu9feFmpGyoNvSE5qrko1n6d5bJZyzKyjUhr8zMY",
                 "alice@example.com"},
             Row{"ecdsa256", "ecdsa-sha2-nistp256", 256, "SHA256:TWcX7yMkn89Bsad2Bc1UakbnQI35V2DcsK5BDOj5pKE",
                 ""},
             Row{"ecdsa384", "ecdsa-sha2-nistp384", 384, "SHA256:bHa+tT4e3CQErXNgB6RD/xqHA6pIiT4NxbcyS8Uh3oQ",
                 ""},
             Row{"ecdsa521", "ecdsa-sha2-nistp521", 521, "SHA256:olMU5bSr1PyWh7f8NbGhfp9Af82HtuuZJRAVPtB0Ie0",
                 ""},
             Row{"rsa2048", "ssh-rsa", 2048, "SHA256:Uw8yJWcKXB4xjyruQZj28ohQWkJI1AFudx61Bj2bW+A",
                 "a \"quoted\" comment, \xc3\xbcn\xc3\xaf"
                 "code"},
             Row{"rsa3072", "ssh-rsa", 3072, "SHA256:0JwBIWPpJPtXDoOl/h+F5ZtpB6TefPHDvzawDL0qFm0",
                 "bob@laptop"},
         }) {
        CAPTURE(row.file);
        const auto key = PublicKey::parse_line(key_file(row.file));
        REQUIRE(key.has_value());
        CHECK(key->algorithm() == row.algorithm);
        CHECK(key->bits() == row.bits);
        CHECK(key->fingerprint().text() == row.fingerprint);
        CHECK(key->comment() == row.comment);
        CHECK(key_file(row.file).starts_with(key->text()));
        CHECK(*PublicKey::parse_blob(key->blob()) == *key);
    }
}

TEST_CASE("what Gerve cannot check is refused by its kind") {
    const auto refused = [](const char* file) { return refusal(PublicKey::parse_line(key_file(file))); };
    CHECK(refused("rsa1024") == "RSA keys under 2048 bits are not accepted (this one has 1024)");
    CHECK(refused("dsa") == "DSA keys are not accepted");
    for (const char* file : {"ed25519-cert", "ecdsa-cert", "rsa-cert"}) {
        CAPTURE(file);
        CHECK(refused(file) ==
              "this is a certificate: register the plain public key, or the authority with `gerve ca add`");
    }
    CHECK(
        refusal(PublicKey::parse_blob(wire("ssh-\x1b[2J"))).starts_with("'ssh-\\x1b[2J' is not a key type"));
}

TEST_CASE("security keys are accepted, with the application that they are for") {
    struct Row {
        const char* file;
        const char* algorithm;
        const char* fingerprint;
    };
    for (const Row& row : {Row{"sk-ed25519", "sk-ssh-ed25519@openssh.com",
                               "SHA256:/p0CbeE3dk2SyW1OXXsThGc12ezDVD8eGw2/vtztDfk"},
                           Row{"sk-ecdsa", "sk-ecdsa-sha2-nistp256@openssh.com",
                               "SHA256:p8IzlQWf6ynuCKJ62TuTzESmPr8hPzZ3A/ZORGaVPC8"}}) {
        CAPTURE(row.file);
        const auto key = PublicKey::parse_line(key_file(row.file));
        REQUIRE(key.has_value());
        CHECK(key->algorithm() == row.algorithm);
        CHECK(key->bits() == 256);
        CHECK(key->is_security_key());
        CHECK(key->fingerprint().text() == row.fingerprint);
        const std::string plain = key->blob().substr(0, key->blob().size() - wire("ssh:").size());
        CHECK(PublicKey::parse_blob(plain + wire("")).has_value());
        CHECK(PublicKey::parse_blob(plain + wire("https://git.example.com")).has_value());
        for (const std::string& end : {std::string(), wire("ssh:").substr(0, 7), wire("ssh:") + wire(""),
                                       wire(std::string("ssh\0:", 5))}) {
            CHECK(refusal(PublicKey::parse_blob(plain + end)) == "the public key is malformed");
        }
    }
    CHECK_FALSE(PublicKey::parse_line(key_file("ed25519"))->is_security_key());
    CHECK(refusal(PublicKey::parse_blob(wire("sk-ssh-ed25519@openssh.com") + wire(std::string(32, '\0')) +
                                        wire("ssh:"))) ==
          "the public key has a small order: it proves nothing");
    CHECK(refusal(PublicKey::parse_blob(wire("sk-ecdsa-sha2-nistp256@openssh.com") + wire("nistp256") +
                                        wire('\4' + std::string(64, 'p')) + wire("ssh:"))) ==
          "the public key is not a point on its curve");
}

TEST_CASE("keys that prove nothing are refused") {
    CHECK(refusal(PublicKey::parse_blob(wire("ssh-ed25519") + wire(std::string(32, '\0')))) ==
          "the public key has a small order: it proves nothing");
    std::string off_curve = PublicKey::parse_line(key_file("ecdsa256"))->blob();
    off_curve.back() = static_cast<char>(off_curve.back() ^ 1);
    CHECK(refusal(PublicKey::parse_blob(off_curve)) == "the public key is not a point on its curve");
    std::string even = modulus_of(2048);
    even.back() = '\x54';
    CHECK_FALSE(PublicKey::parse_blob(rsa_blob(even)).has_value());
    CHECK_FALSE(PublicKey::parse_blob(rsa_blob(modulus_of(2048), "\x04")).has_value());
}

TEST_CASE("the bounds of RSA are exact") {
    CHECK_FALSE(PublicKey::parse_blob(rsa_blob(modulus_of(2047))).has_value());
    CHECK(PublicKey::parse_blob(rsa_blob(modulus_of(2048)))->bits() == 2048);
    CHECK(PublicKey::parse_blob(rsa_blob(modulus_of(16384)))->bits() == 16384);
    CHECK(refusal(PublicKey::parse_blob(rsa_blob(modulus_of(16385)))) ==
          "RSA keys over 16384 bits are not accepted");
}

TEST_CASE("a number has one encoding, and sizes are believed only as far as the blob goes") {
    const std::string good = modulus_of(2048);
    const auto malformed = [](const std::string& blob) {
        CHECK(refusal(PublicKey::parse_blob(blob)) == "the public key is malformed");
    };
    malformed(rsa_blob(std::string(1, '\0') + good));             // zero in front that need not be there
    malformed(rsa_blob(good.substr(1)));                          // negative
    malformed(rsa_blob(""));                                      // zero
    malformed(rsa_blob(good, "\x01"));                            // exponent 1
    malformed(rsa_blob(good, std::string(1, '\0')));              // exponent 0, in a wrong form
    malformed(rsa_blob(good, "\x01" + std::string(8, '\0')));     // exponent of 65 bits
    malformed(rsa_blob(good) + "x");                              // a byte behind
    malformed(rsa_blob(good).substr(0, 200));                     // cut off
    malformed(wire("ssh-rsa"));                                   // nothing behind the type
    malformed(wire("ssh-ed25519") + wire(std::string(31, 'k')));  // too short a point
    malformed(ed25519_blob() + wire(""));                         // one string too many
    malformed("");                                                // nothing
    malformed("\xff\xff\xff\xff");                                // a length of 4 GB
    malformed(std::string("\0\0\0\x0bssh-ed2551", 14));           // a length one too large
    CHECK(refusal(PublicKey::parse_blob(std::string(4097, 'x'))) ==
          "the public key is larger than 4096 bytes");
}

TEST_CASE("a curve is what its key type says, and its point uncompressed") {
    const std::string type = "ecdsa-sha2-nistp256";
    const std::string whole = PublicKey::parse_line(key_file("ecdsa256"))->blob();
    const std::string point = whole.substr(whole.size() - 65);
    CHECK(PublicKey::parse_blob(wire(type) + wire("nistp256") + wire(point)).has_value());
    for (const std::string& body : {wire("nistp384") + wire(point), wire("nistp256") + wire(point + "p"),
                                    wire("nistp256") + wire("\x02" + std::string(32, 'p')),
                                    wire("nistp256") + wire("\x02" + std::string(64, 'p')),
                                    wire("nistp256") + wire(""), wire("nistp256"), std::string()}) {
        CHECK(refusal(PublicKey::parse_blob(wire(type) + body)) == "the public key is malformed");
    }
}

TEST_CASE("a line is TYPE BASE64 [COMMENT] and nothing else") {
    const std::string text = PublicKey::parse_blob(ed25519_blob())->text();
    CHECK(PublicKey::parse_line(text)->comment().empty());
    CHECK(PublicKey::parse_line("  " + text + "  two  words \r\n")->comment() == "two  words");
    CHECK(PublicKey::parse_line(text + " a\x1b[2J \xff")->comment() == "a\x1b[2J \xff");  // as given
    std::string tabbed = text;
    tabbed.replace(tabbed.find(' '), 1, "\t \t");
    CHECK(PublicKey::parse_line(tabbed + "\tme")->comment() == "me");

    const auto refused = [](const std::string& line) { return refusal(PublicKey::parse_line(line)); };
    CHECK(refused(text + "\n" + text) == "more than one line: give one public key at a time");
    CHECK(PublicKey::parse_line(text + " my PRIVATE KEY of old").has_value());
    for (const std::string& line : {std::string(), std::string("ssh-ed25519"), std::string("ssh-ed25519 "),
                                    std::string("ssh-ed25519 !!!!"), "command=\"id\" " + text,
                                    "restrict " + text, text.substr(0, text.size() - 3)}) {
        CAPTURE(line);
        CHECK_FALSE(PublicKey::parse_line(line).has_value());
    }
    CHECK(refused("ssh-rsa " + to_base64(ed25519_blob())) ==
          "the public key's type does not match its content");
}

TEST_CASE("a fingerprint has one spelling") {
    const Fingerprint fingerprint = Fingerprint::of_blob("x");
    CHECK(fingerprint.text() == "SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE");
    CHECK(fingerprint.bytes().size() == 32);
    CHECK(*Fingerprint::parse(fingerprint.text()) == fingerprint);
    CHECK(*Fingerprint::parse_bytes(fingerprint.bytes()) == fingerprint);
    const std::string digits = fingerprint.text().substr(7);
    for (const std::string& text : {std::string(), digits, "sha256:" + digits, "SHA256:" + digits + "=",
                                    "SHA256:" + digits.substr(1), "MD5:" + digits, "SHA256: " + digits,
                                    "SHA256:" + digits.substr(0, 42) + "F", fingerprint.text() + "\n"}) {
        CAPTURE(text);
        CHECK_FALSE(Fingerprint::parse(text).has_value());
    }
    CHECK_FALSE(Fingerprint::parse_bytes(std::string(31, 'x')).has_value());
    CHECK_FALSE(std::is_default_constructible_v<Fingerprint>);
    CHECK_FALSE(std::is_default_constructible_v<PublicKey>);
}
