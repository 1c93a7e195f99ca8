// Encapsulation for sntrup761, held against libssh's own, byte by byte.
#include "gerve/ssh/sntrup761.h"

#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

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

// The public key of the polynomial 1: a product with it is the secret itself.
Bytes public_key_of_one() {
    std::vector<std::uint32_t> numbers(761, 2295);
    std::vector<std::uint32_t> bounds(761, 4591);
    numbers[0] = 2296;
    Bytes packed{};
    auto next = packed.begin();
    const auto write = [&](std::uint32_t& value, std::uint32_t& bound, std::uint32_t below) {
        for (; bound >= below; value >>= 8, bound = (bound + 255) >> 8)
            *next++ = static_cast<std::uint8_t>(value);
    };
    while (numbers.size() > 1) {
        std::vector<std::uint32_t> halved;
        std::vector<std::uint32_t> their_bounds;
        for (std::size_t i = 0; i < numbers.size(); i += 2) {
            const bool pair = i + 1 < numbers.size();
            std::uint32_t value = numbers[i] + (pair ? bounds[i] * numbers[i + 1] : 0);
            std::uint32_t bound = bounds[i] * (pair ? bounds[i + 1] : 1);
            if (pair) write(value, bound, 16384);
            halved.push_back(value);
            their_bounds.push_back(bound);
        }
        numbers = halved;
        bounds = their_bounds;
    }
    write(numbers[0], bounds[0], 2);
    REQUIRE(next == packed.end());
    return packed;
}

Encapsulated by_a_careless_one(const Bytes& /*public_key*/, unsigned seed, sntrup761::Random* /*random*/) {
    std::mt19937 generator(seed);
    volatile std::int16_t secret[761];
    for (auto& coefficient : secret) coefficient = static_cast<std::int16_t>(generator() % 3) - 1;
    return {};
}

struct Call {
    Encapsulated (*by)(const Bytes&, unsigned, sntrup761::Random*);
    Bytes public_key;
};

void* make_call(void* argument) {
    const Call& call = *static_cast<Call*>(argument);
    (void)call.by(call.public_key, 1, repeatable);
    return nullptr;
}

// Whether 64 numbers of 16 or 32 bits in a row are -1, 0 or 1, and a quarter of them not 0: a short
// polynomial.
__attribute__((no_sanitize("address"))) bool shows_secret(const std::int16_t* memory, std::size_t count) {
    std::size_t run = 0;
    std::size_t others = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const bool small = memory[i] >= -1 && memory[i] <= 1;
        run = small ? run + 1 : 0;
        others = small ? others + (memory[i] != 0 ? 1 : 0) : 0;
        if (run > 64 && memory[i - 64] != 0) --others;
        if (run >= 64 && others >= 16) return true;
    }
    return false;
}

bool leaves_secret(Encapsulated (*by)(const Bytes&, unsigned, sntrup761::Random*)) {
    constexpr std::size_t size = 1 << 20;
    void* stack = std::aligned_alloc(4096, size);
    std::memset(stack, 0, size);
    Call call{by, public_key_of_one()};
    pthread_attr_t attributes;
    pthread_t thread{};
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstack(&attributes, stack, size) == 0);
    REQUIRE(pthread_create(&thread, &attributes, make_call, &call) == 0);
    REQUIRE(pthread_join(thread, nullptr) == 0);
    pthread_attr_destroy(&attributes);
    const bool found = shows_secret(static_cast<const std::int16_t*>(stack), size / sizeof(std::int16_t));
    std::free(stack);
    return found;
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

TEST_CASE("sntrup761: neither the secret nor a product with it is left on the stack") {
    // Its products are short indeed: they round to the same numbers, whatever the secret.
    const Bytes one = public_key_of_one();
    const auto rounded = [&](unsigned seed) {
        const auto ciphertext = by_gerve(one, seed).ciphertext;
        return std::string(ciphertext.begin(), ciphertext.end() - 32);
    };
    REQUIRE(rounded(1) == rounded(2));
    CHECK(leaves_secret(by_a_careless_one));  // so this test can fail
    CHECK_FALSE(leaves_secret(by_gerve));
}
