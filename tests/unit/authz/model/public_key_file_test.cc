#include "authz/model/public_key_file.h"

#include <doctest/doctest.h>

#include "authz/base/fd.h"
#include "authz/base/text.h"

using namespace gerve;

namespace {

std::string stored(const std::string& name) {
    auto content = read_file(std::string(TEST_KEYS) + "/" + name);
    REQUIRE_MESSAGE(content.has_value(), name);
    return std::string(trim(*content));
}

const std::string& a_key() {
    static const std::string line = stored("ed25519.pub");
    return line;
}

// Of ASCII alone, as PowerShell's `>` writes it.
std::string utf16(const std::string& text, bool little) {
    std::string out;
    for (const char c : text) out += little ? std::string{c, '\0'} : std::string{'\0', c};
    return out;
}

std::string told(const std::string& content) {
    const auto keys = parse_key_file(content);
    REQUIRE_FALSE(keys.has_value());
    CHECK(keys.error().kind == ErrorKind::client);
    return keys.error().told;
}

bool says(const std::string& text, std::string_view part) {
    const bool found = text.find(part) != std::string::npos;
    if (!found) MESSAGE(text);
    return found;
}

}  // namespace

TEST_CASE("one key is read, however an editor or a shell wrote it down") {
    const std::string key = a_key();
    std::string tabs = key;
    for (char& c : tabs) c = c == ' ' ? '\t' : c;
    for (const std::string& content :
         {key, key + "\n", key + "\r\n", key + "\r", "   " + key, "\n\r\n" + key + "\n\n", tabs,
          "# of alice, at home\n" + key, "  # indented\r\n\r\n" + key, "\xef\xbb\xbf" + key + "\r\n",
          "\xff\xfe" + utf16(key + "\r\n", true), "\xfe\xff" + utf16(key + "\r\n", false),
          utf16(key + "\n", true), utf16(key, false), key + std::string(1, '\0'),
          "\xef\xbb\xbf# a comment\n" + key}) {
        CAPTURE(printable(content));
        const auto keys = parse_key_file(content);
        REQUIRE(keys.has_value());
        REQUIRE(keys->size() == 1);
        CHECK(keys->front().key == *PublicKey::parse_line(key));
        CHECK(keys->front().key.comment() == "alice@example.com");
    }
}

TEST_CASE("a comment beyond ASCII is kept as it was given") {
    const std::string text = PublicKey::parse_line(a_key())->text();
    const std::string wide =
        "\xff\xfe" + utf16(text + " Zo", true) + std::string("\xeb\0\x3d\xd8\x11\xdd", 6);
    CHECK(parse_key_file(wide)->front().key.comment() == "Zo\xc3\xab\xf0\x9f\x94\x91");
    CHECK(parse_key_file(text + " Zo\xc3\xabs  MacBook ")->front().key.comment() == "Zo\xc3\xabs  MacBook");
    // Half of a pair.
    CHECK(parse_key_file("\xff\xfe" + utf16(text + " x", true) + "\x3d\xd8")->front().key.comment() ==
          "x\xef\xbf\xbd");
}

TEST_CASE("several keys come with the lines where they stand") {
    const auto keys = parse_key_file("# two\n" + a_key() + "\n\n" + stored("rsa2048.pub") + "\n");
    REQUIRE(keys.has_value());
    REQUIRE(keys->size() == 2);
    CHECK((*keys)[0].line == 2);
    CHECK((*keys)[1].line == 4);
    CHECK((*keys)[1].key.algorithm() == "ssh-rsa");
}

TEST_CASE("a key in the form of RFC 4716, as PuTTYgen saves it, is read with its comment") {
    const std::string text = PublicKey::parse_line(a_key())->text();
    const std::string encoded = text.substr(text.find(' ') + 1);
    const std::string lines = encoded.substr(0, 40) + "\r\n" + encoded.substr(40) + "\r\n";
    const std::string begin = "---- BEGIN SSH2 PUBLIC KEY ----\r\n";
    const std::string end = "---- END SSH2 PUBLIC KEY ----\r\n";
    const auto keys =
        parse_key_file(begin + "Comment: \"alice at \\\r\nhome\"\r\nx-other: 1\r\n" + lines + end);
    REQUIRE(keys.has_value());
    CHECK(keys->front().key.text() == text);
    CHECK(keys->front().key.comment() == "alice at home");
    CHECK(keys->front().line == 1);
    CHECK(parse_key_file(begin + lines + end + begin + lines + end)->size() == 2);
    CHECK(says(told("\n" + begin + lines), "line 2: the key has no END line"));
    CHECK(says(told(begin + "AAAA!\n" + end), "line 1: the key between BEGIN and END is damaged"));
}

TEST_CASE("what is no key is named by its line, with what to do") {
    const std::string key = a_key();
    const std::string text = PublicKey::parse_line(key)->text();
    CHECK(says(told(""), "no public key"));
    CHECK(says(told("# only a comment\n\n"), "no public key"));
    CHECK(says(told(key + "\nnonsense\n"), "line 2: not a public key: the form is TYPE BASE64"));
    CHECK(says(told("no-pty,command=\"a b\" " + key), "line 1: authorized_keys options are not accepted"));
    CHECK(says(told("restrict " + key), "delete everything before ssh-ed25519"));
    CHECK(
        says(told(text.substr(text.find(' ') + 1)), "line 1: the key's type is missing: write ssh-ed25519"));
    const std::string rsa = stored("rsa2048.pub");
    CHECK(says(told(rsa.substr(0, 76) + "\n" + rsa.substr(76, 76) + "\n" + rsa.substr(152)),
               "line 1: the key is split over several lines: join them"));
    CHECK(says(told("\n" + stored("ed25519-cert.pub")), "line 2: this is a certificate"));
    CHECK(says(told(stored("dsa.pub")), "DSA keys"));
    CHECK(says(told("-----BEGIN PUBLIC KEY-----\nAAAA\n"), "`ssh-keygen -i -m PKCS8 -f FILE`"));
    CHECK(says(told("-----BEGIN RSA PUBLIC KEY-----\nA\n"), "`ssh-keygen -i -m PEM -f FILE`"));
    CHECK(says(told(std::string("ssh-ed25519\0 AAAA", 17)), "not a text file"));
}

TEST_CASE("a private key is refused in every form, and nothing of it is repeated") {
    for (const std::string& secret :
         {std::string("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n"),
          std::string("-----BEGIN RSA PRIVATE KEY-----\nsecret\n-----END"),
          std::string("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
          std::string("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nsecret"),
          std::string("PuTTY-User-Key-File-3: ssh-ed25519\nsecret"),
          "\xff\xfe" + utf16("-----BEGIN OPENSSH PRIVATE KEY-----\r\nsecret\r\n", true)}) {
        CAPTURE(secret);
        CHECK(is_private_key(secret));
        CHECK(told(secret).starts_with("this is a private key: give the .pub file"));
        CHECK(told(secret).find("secret") == told(secret).rfind("secret"));  // the word of ours
    }
    CHECK_FALSE(is_private_key(a_key() + " my PRIVATE KEY of old"));
    CHECK(parse_key_file(a_key() + " my PRIVATE KEY of old").has_value());
}
