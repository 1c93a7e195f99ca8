// Encapsulation for sntrup761, held against libssh's own, byte by byte.
#include "gerve/ssh/sntrup761.h"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <random>

namespace sntrup761 = gerve::ssh::sntrup761;

extern "C" {
void sntrup761_keypair(std::uint8_t* public_key, std::uint8_t* secret_key, void* context,
                       sntrup761::Random* random);
void sntrup761_dec(std::uint8_t* key, const std::uint8_t* ciphertext, const std::uint8_t* secret_key);
// The one that Gerve's stands in for, and what libssh calls in its place.
void __real_sntrup761_enc(std::uint8_t* ciphertext, std::uint8_t* key, const std::uint8_t* public_key,
                          void* context, sntrup761::Random* random);
void __wrap_sntrup761_enc(std::uint8_t* ciphertext, std::uint8_t* key, const std::uint8_t* public_key,
                          void* context, sntrup761::Random* random);
}

namespace {

using Bytes = std::array<std::uint8_t, sntrup761::public_key_size>;

// A stream of bytes that is the same however it is asked for.
void repeatable(void* context, std::size_t size, std::uint8_t* into) {
    auto& generator = *static_cast<std::mt19937*>(context);
    for (std::size_t i = 0; i < size; ++i) into[i] = static_cast<std::uint8_t>(generator() >> 13);
}

void all_ones(void* /*context*/, std::size_t size, std::uint8_t* into) {
    std::memset(into, 0xff, size);
}

struct Encapsulated {
    std::array<std::uint8_t, sntrup761::ciphertext_size> ciphertext{};
    std::array<std::uint8_t, sntrup761::key_size> key{};
    bool operator==(const Encapsulated&) const = default;
};

Encapsulated by_gerve(const Bytes& public_key, unsigned seed, sntrup761::Random* random = repeatable) {
    std::mt19937 generator(seed);
    Encapsulated made;
    __wrap_sntrup761_enc(made.ciphertext.data(), made.key.data(), public_key.data(), &generator, random);
    return made;
}

Encapsulated by_libssh(const Bytes& public_key, unsigned seed, sntrup761::Random* random = repeatable) {
    std::mt19937 generator(seed);
    Encapsulated made;
    __real_sntrup761_enc(made.ciphertext.data(), made.key.data(), public_key.data(), &generator, random);
    return made;
}

}  // namespace

TEST_CASE("sntrup761: the same ciphertext and key as libssh, for a key pair, and the owner finds the key") {
    for (unsigned seed = 0; seed < 8; ++seed) {
        std::mt19937 generator(seed);
        Bytes public_key{};
        std::array<std::uint8_t, 1763> secret_key{};
        sntrup761_keypair(public_key.data(), secret_key.data(), &generator, repeatable);
        for (unsigned again = 0; again < 4; ++again) {
            const Encapsulated made = by_gerve(public_key, 100 * seed + again);
            CHECK(made == by_libssh(public_key, 100 * seed + again));
            std::array<std::uint8_t, sntrup761::key_size> found{};
            sntrup761_dec(found.data(), made.ciphertext.data(), secret_key.data());
            CHECK(found == made.key);
        }
    }
}

TEST_CASE("sntrup761: the same as libssh for any bytes that a client may send as its public key") {
    for (unsigned seed = 0; seed < 40; ++seed) {
        std::mt19937 generator(seed);
        Bytes public_key{};
        repeatable(&generator, public_key.size(), public_key.data());
        if (seed == 0) public_key.fill(0);
        if (seed == 1) public_key.fill(0xff);
        CHECK(by_gerve(public_key, seed) == by_libssh(public_key, seed));
        CHECK(by_gerve(public_key, seed, all_ones) == by_libssh(public_key, seed, all_ones));
    }
}

TEST_CASE("sntrup761: another ciphertext and key each time") {
    const Bytes public_key{};
    const Encapsulated once = by_gerve(public_key, 1);
    const Encapsulated again = by_gerve(public_key, 2);
    CHECK(once.ciphertext != again.ciphertext);
    CHECK(once.key != again.key);
}
