#include "gerve/ssh/auth_request.h"

#include <doctest/doctest.h>

#include "authz/base/text.h"
#include "tests/unit/gerve/ssh/packets.h"

using namespace gerve::ssh;
using namespace packets;

namespace {

const std::string ed25519 = text("ssh-ed25519") + text(std::string(32, 'k'));
const std::string rsa =
    text("ssh-rsa") + text(std::string("\1\0\1", 3)) + text(std::string(1, '\0') + std::string(256, '\x81'));
const std::string short_rsa =
    text("ssh-rsa") + text(std::string("\1\0\1", 3)) + text(std::string(128, '\x55'));

std::string request(const std::string& algorithm, const std::string& blob, const std::string& rest = "") {
    return text("git") + text("ssh-connection") + text("publickey") +
           std::string(1, rest.empty() ? '\0' : '\1') + text(algorithm) + text(blob) + rest;
}

std::string signature(const std::string& algorithm) {
    return text(text(algorithm) + text(std::string(64, 's')));
}

Refusal refusal(const std::string& payload) {
    const AuthRequest parsed = parse_auth_request(payload);
    CHECK(parsed.key.has_value() == (parsed.refusal == Refusal::none));
    CHECK(parsed.refusal_text.empty() == (parsed.refusal == Refusal::none));
    return parsed.refusal;
}

}  // namespace

TEST_CASE("keys that are offered, and keys that are proven") {
    const AuthRequest offered = parse_auth_request(request("ssh-ed25519", ed25519));
    CHECK(offered.user == "git");
    CHECK(offered.key->blob() == ed25519);
    CHECK_FALSE(offered.has_signature);
    const AuthRequest signed_one =
        parse_auth_request(request("ssh-ed25519", ed25519, signature("ssh-ed25519")));
    CHECK(signed_one.has_signature);
    CHECK(signed_one.key->blob() == ed25519);
    for (const char* algorithm : {"rsa-sha2-256", "rsa-sha2-512"}) {
        CHECK(refusal(request(algorithm, rsa)) == Refusal::none);
        CHECK(refusal(request(algorithm, rsa, signature(algorithm))) == Refusal::none);
    }
}

TEST_CASE("a key may be bound to the host key that the client has seen") {
    const std::string head =
        text("git") + text("ssh-connection") + text("publickey-hostbound-v00@openssh.com");
    const std::string key = text("ssh-ed25519") + text(ed25519);
    const std::string host_key = text(ed25519);
    CHECK(parse_auth_request(head + std::string(1, '\0') + key + host_key).key->blob() == ed25519);
    const std::string whole = head + std::string(1, '\1') + key + host_key + signature("ssh-ed25519");
    CHECK(parse_auth_request(whole).has_signature);
    CHECK(refusal(whole) == Refusal::none);
    CHECK(refusal(head + std::string(1, '\0') + key) == Refusal::malformed);
    CHECK(refusal(head + std::string(1, '\1') + key + signature("ssh-ed25519")) == Refusal::malformed);
    CHECK(refusal(whole + "x") == Refusal::malformed);
    CHECK(refusal(head + std::string(1, '\1') + key + host_key + signature("ssh-rsa")) == Refusal::sha1);
}

TEST_CASE("what is refused, and as what") {
    const std::string head = text("git") + text("ssh-connection");
    CHECK(refusal(head + text("none")) == Refusal::method_none);
    CHECK(refusal(head + text("password") + std::string(1, '\0') + text("secret")) ==
          Refusal::method_password);
    CHECK(refusal(head + text("keyboard-interactive")) == Refusal::method_keyboard);
    CHECK(refusal(head + text("hostbased")) == Refusal::method_hostbased);
    CHECK(refusal(head + text("gssapi-with-mic")) == Refusal::method_other);
    CHECK(refusal(request("ssh-of-tomorrow", text("ssh-of-tomorrow") + text("x"))) ==
          Refusal::unknown_key_type);
    CHECK(refusal(request("ssh-ed25519-cert-v01@openssh.com", text("ssh-ed25519-cert-v01@openssh.com"))) ==
          Refusal::certificate);
    CHECK(refusal(request("rsa-sha2-256", short_rsa)) == Refusal::weak_key);
    CHECK(refusal(request("ssh-ed25519", text("ssh-ed25519") + text(std::string(32, '\0')))) ==
          Refusal::weak_key);
    CHECK(refusal(request("ssh-rsa", rsa)) == Refusal::sha1);
    CHECK(refusal(request("rsa-sha2-256", rsa, signature("ssh-rsa"))) == Refusal::sha1);
}

TEST_CASE("the algorithms of the request, the key and the signature belong together") {
    CHECK(refusal(request("rsa-sha2-256", rsa, signature("rsa-sha2-512"))) == Refusal::algorithm_mismatch);
    CHECK(refusal(request("ecdsa-sha2-nistp256", ed25519)) == Refusal::algorithm_mismatch);
    CHECK(refusal(request("rsa-sha2-256", ed25519)) == Refusal::algorithm_mismatch);
    CHECK(refusal(request("ssh-ed25519", rsa)) == Refusal::algorithm_mismatch);
    CHECK(refusal(request("ssh-ed25519", ed25519, signature("rsa-sha2-256"))) == Refusal::algorithm_mismatch);
}

TEST_CASE("a security key's signature ends with flags and counter") {
    const std::string type = "sk-ssh-ed25519@openssh.com";
    const std::string key = text(type) + text(std::string(32, 'k')) + text("ssh:");
    const auto signed_by = [&](const std::string& tail) {
        return request(type, key, text(text(type) + text(std::string(64, 's')) + tail));
    };
    CHECK_FALSE(parse_auth_request(request(type, key)).use);
    const AuthRequest touched = parse_auth_request(signed_by(std::string("\1\0\0\1\2", 5)));
    REQUIRE(touched.use);
    CHECK(touched.use->touched());
    CHECK_FALSE(touched.use->verified());
    CHECK(touched.use->counter == 258);
    const AuthRequest with_pin = parse_auth_request(signed_by("\5\xff\xff\xff\xff"));
    CHECK(with_pin.use->verified());
    CHECK(with_pin.use->counter == 0xffffffff);
    CHECK_FALSE(parse_auth_request(signed_by(std::string(5, '\0'))).use->touched());
    for (const std::string& tail :
         {std::string(), std::string("\1"), std::string("\1\0\0\1", 4), std::string("\1\0\0\1\2x", 6)}) {
        CAPTURE(tail.size());
        CHECK(refusal(signed_by(tail)) == Refusal::malformed);
    }
    // Not behind any other.
    CHECK(refusal(request("ssh-ed25519", ed25519,
                          text(text("ssh-ed25519") + text(std::string(64, 's')) + "\1abcd"))) ==
          Refusal::malformed);
    CHECK_FALSE(parse_auth_request(request("ssh-ed25519", ed25519, signature("ssh-ed25519"))).use);
    CHECK(refusal(request("ssh-ed25519", key)) == Refusal::algorithm_mismatch);
    CHECK(refusal(request(type, ed25519)) == Refusal::algorithm_mismatch);
}

TEST_CASE("a web browser's signature has an origin, client data and extensions behind flags and counter") {
    const std::string type = "sk-ecdsa-sha2-nistp256@openssh.com";
    const std::string web = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
    // The generator of P-256.
    const std::string point = gerve::from_hex(
                                  "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                                  "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
                                  .value();
    const std::string key = text(type) + text("nistp256") + text(point) + text("ssh:");
    const auto signed_with = [&](std::uint8_t flags, const std::string& origin,
                                 const std::string& extensions) {
        return text(text(web) + text(std::string(64, 's')) + static_cast<char>(flags) +
                    std::string("\0\0\1\2", 4) + text(origin) + text("{}") + text(extensions));
    };
    CHECK(parse_auth_request(request(web, key)).by_webauthn);
    CHECK_FALSE(parse_auth_request(request(type, key)).by_webauthn);
    const AuthRequest parsed = parse_auth_request(request(web, key, signed_with(5, "https://a", "")));
    CHECK(parsed.by_webauthn);
    REQUIRE(parsed.use);
    CHECK(parsed.use->verified());
    CHECK(parsed.use->counter == 258);
    CHECK(refusal(request(web, key, signed_with(0x81, "https://a", "x"))) == Refusal::none);
    CHECK(refusal(request(web, key, signed_with(0x81, "https://a", ""))) == Refusal::malformed);
    CHECK(refusal(request(web, key, signed_with(1, "https://a", "x"))) == Refusal::malformed);
    CHECK(refusal(request(web, key, signed_with(0x41, "https://a", ""))) == Refusal::malformed);
    CHECK(refusal(request(web, key, signed_with(1, "https://\"", ""))) == Refusal::malformed);
    CHECK(refusal(request(type, key, signed_with(1, "https://a", ""))) == Refusal::malformed);
    CHECK(refusal(request(web, ed25519)) == Refusal::algorithm_mismatch);
    const std::string whole = request(web, key, signed_with(1, "https://a", ""));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(refusal(whole.substr(0, size)) == Refusal::malformed);
    }
    const std::string certificate_type = "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";
    const std::string certificate = text(certificate_type) + text("nonce") + text("nistp256") + text(point) +
                                    text("ssh:") + std::string(8, '\0') + std::string("\0\0\0\1", 4) +
                                    text("laptop") + text(text("alice")) + std::string(8, '\0') +
                                    std::string(8, '\xff') + text("") + text("") + text("") + text(ed25519) +
                                    signature("ssh-ed25519");
    CHECK(refusal(request(certificate_type, certificate)) == Refusal::none);
    CHECK(refusal(request("webauthn-" + certificate_type, certificate)) == Refusal::algorithm_mismatch);
    CHECK_FALSE(verify_webauthn_request(whole, "session", ""));
    CHECK(parse_auth_request(as_known_to_libssh(whole)).key->blob() == key);
    CHECK_FALSE(parse_auth_request(as_known_to_libssh(whole)).has_signature);
}

TEST_CASE("every request that is cut short, or goes on, is malformed") {
    const std::string whole = request("ssh-ed25519", ed25519, signature("ssh-ed25519"));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(refusal(whole.substr(0, size)) == Refusal::malformed);
    }
    CHECK(refusal(whole + "x") == Refusal::malformed);
    CHECK(refusal(request("ssh-ed25519", ed25519) + "x") == Refusal::malformed);
    CHECK(refusal(request("ssh-ed25519", ed25519 + "x")) == Refusal::malformed);
    CHECK(refusal(request("ssh-ed25519", "")) == Refusal::malformed);
    CHECK(refusal(text("git") + text("ssh-other") + text("publickey")) == Refusal::malformed);
}

TEST_CASE("what a client sent is printable in the text for logs") {
    const AuthRequest parsed = parse_auth_request(text("git") + text("ssh-connection") + text("\x1b[2J\n"));
    CHECK(parsed.refusal_text.find('\x1b') == std::string::npos);
    CHECK(parsed.refusal_text.find('\n') == std::string::npos);
}
