#include "authz/base/digest.h"

#include <doctest/doctest.h>

#include "authz/base/text.h"

using namespace gerve;

TEST_CASE("hashes match their published vectors") {
    CHECK(to_hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // RFC 4231, test case 2
    CHECK(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(md5_hex("mojombo").starts_with("a8e295"));
}

TEST_CASE("a keyed hash is the same in one part and in many, whatever was hashed in between") {
    // RFC 4231, test cases 1 and 6: a short key, and one that is longer than a block
    const HmacSha256 short_key(std::string(20, '\x0b'));
    const HmacSha256 long_key(std::string(131, '\xaa'));
    const HmacSha256 copy = short_key;
    for (int i = 0; i < 3; ++i) {
        CHECK(to_hex(short_key.of({"Hi There"})) ==
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        CHECK(to_hex(long_key.of({"Test Using Larger Than Block-Size ", "Key - Hash Key First"})) ==
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
        CHECK(copy.of({"Hi", "", " There"}) == short_key.of({"Hi There"}));
        CHECK(to_hex(sha256("abc")).starts_with("ba7816bf"));
    }
    CHECK(short_key.of({}) == hmac_sha256(std::string(20, '\x0b'), ""));
}

TEST_CASE("what was sealed opens with its own key and only unaltered") {
    const Secret key(std::string(32, 'k'));
    const std::string sealed = seal(key, "who it is");
    std::string plain;
    REQUIRE(open_sealed(key, sealed, plain));
    CHECK(plain == "who it is");
    CHECK(sealed != seal(key, "who it is"));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string altered = sealed;
        altered[i] = static_cast<char>(altered[i] ^ 1);
        CHECK_FALSE(open_sealed(key, altered, plain));
    }
    CHECK_FALSE(open_sealed(Secret(std::string(32, 'x')), sealed, plain));
    CHECK_FALSE(open_sealed(key, sealed.substr(0, 20), plain));
    // One that does not open leaves nothing behind for the next.
    const Secret other(std::string(32, 'x'));
    const std::string sealed_by_other = seal(other, "");
    CHECK_FALSE(open_sealed(key, sealed_by_other, plain));
    CHECK(open_sealed(other, sealed_by_other, plain));
    CHECK(plain.empty());
    CHECK(open_sealed(key, sealed, plain));
    CHECK(plain == "who it is");
}
