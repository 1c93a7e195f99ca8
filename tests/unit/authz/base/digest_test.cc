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
}
