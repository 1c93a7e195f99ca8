#include "gerve/ssh/sntrup761.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace gerve::ssh::sntrup761 {
namespace {

// Polynomials modulo x^degree - x - 1, with coefficients modulo `modulus` from -half_modulus to half_modulus.
constexpr std::size_t degree = 761;
constexpr std::uint16_t modulus = 4591;
constexpr std::int32_t half_modulus = (modulus - 1) / 2;
constexpr std::size_t weight = 286;  // so many coefficients of a short polynomial are not 0, but 1 or -1

constexpr std::size_t hash_size = 32;
constexpr std::size_t rounded_size = ciphertext_size - hash_size;
constexpr std::size_t short_size = (degree + 3) / 4;

// Eight coefficients at once, by the instructions that every processor of the architecture has.
using Lanes = std::int16_t __attribute__((vector_size(16)));
constexpr std::size_t lanes = sizeof(Lanes) / sizeof(std::int16_t);
constexpr std::size_t padded_degree = (degree + lanes - 1) / lanes * lanes;

using Polynomial = std::array<std::int16_t, padded_degree>;  // zeros behind the last coefficient

// ---- numbers below small bounds, packed into bytes

// What is left of `value` when whole bytes of it have been written, so that the rest is below 2^14.
void write_low_bytes(std::vector<std::uint8_t>& bytes, std::uint32_t& value, std::uint32_t& bound) {
    while (bound >= 16384) {
        bytes.push_back(static_cast<std::uint8_t>(value));
        value >>= 8;
        bound = (bound + 255) >> 8;
    }
}

// Each number is below its bound. Pairs become numbers below the product of their bounds, until one is left.
std::vector<std::uint8_t> pack(std::vector<std::uint32_t> numbers, std::vector<std::uint32_t> bounds) {
    std::vector<std::uint8_t> bytes;
    while (numbers.size() > 1) {
        std::size_t made = 0;
        for (std::size_t i = 0; i < numbers.size(); i += 2, ++made) {
            const bool pair = i + 1 < numbers.size();
            std::uint32_t value = numbers[i] + (pair ? bounds[i] * numbers[i + 1] : 0);
            std::uint32_t bound = bounds[i] * (pair ? bounds[i + 1] : 1);
            if (pair) write_low_bytes(bytes, value, bound);
            numbers[made] = value;
            bounds[made] = bound;
        }
        numbers.resize(made);
        bounds.resize(made);
    }
    for (std::uint32_t value = numbers[0], bound = bounds[0]; bound > 1; bound = (bound + 255) >> 8) {
        bytes.push_back(static_cast<std::uint8_t>(value));
        value >>= 8;
    }
    return bytes;
}

// The reverse, of numbers that all have the same bound. Takes any bytes.
class Unpacking {
  public:
    explicit Unpacking(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    std::vector<std::uint32_t> numbers(const std::vector<std::uint32_t>& bounds) {
        if (bounds.size() == 1) return {low_bytes(bounds[0] > 256 ? 2 : 1) % bounds[0]};
        std::vector<std::uint32_t> low;
        std::vector<std::uint32_t> low_bounds;
        std::vector<std::uint32_t> high_bounds;
        for (std::size_t i = 0; i + 1 < bounds.size(); i += 2) {
            std::uint32_t bound = bounds[i] * bounds[i + 1];
            unsigned count = 0;
            for (; bound >= 16384; bound = (bound + 255) >> 8) ++count;
            low.push_back(low_bytes(count));
            low_bounds.push_back(1U << (8 * count));
            high_bounds.push_back(bound);
        }
        if (bounds.size() % 2 == 1) high_bounds.push_back(bounds.back());
        const std::vector<std::uint32_t> high = numbers(high_bounds);
        std::vector<std::uint32_t> all;
        for (std::size_t i = 0; i < low.size(); ++i) {
            const std::uint32_t both = low[i] + low_bounds[i] * high[i];
            all.push_back(both % bounds[2 * i]);
            all.push_back(both / bounds[2 * i] % bounds[2 * i + 1]);
        }
        if (bounds.size() % 2 == 1) all.push_back(high.back());
        return all;
    }

  private:
    std::uint32_t low_bytes(unsigned count) {
        std::uint32_t value = 0;
        for (unsigned i = 0; i < count; ++i) value |= static_cast<std::uint32_t>(rest_[i]) << (8 * i);
        rest_ = rest_.subspan(count);
        return value;
    }

    std::span<const std::uint8_t> rest_;
};

Polynomial unpack_public_key(std::span<const std::uint8_t> public_key) {
    const auto numbers = Unpacking(public_key).numbers(std::vector<std::uint32_t>(degree, modulus));
    Polynomial polynomial{};
    for (std::size_t i = 0; i < degree; ++i)
        polynomial[i] = static_cast<std::int16_t>(static_cast<std::int32_t>(numbers[i]) - half_modulus);
    return polynomial;
}

// To the nearest multiples of 3, which the ciphertext shows to everybody.
std::vector<std::uint8_t> pack_rounded(const Polynomial& polynomial) {
    std::vector<std::uint32_t> thirds(degree);
    for (std::size_t i = 0; i < degree; ++i)
        thirds[i] = static_cast<std::uint32_t>(polynomial[i] + half_modulus + 1) / 3;
    return pack(std::move(thirds), std::vector<std::uint32_t>(degree, (modulus + 2) / 3));
}

// ---- arithmetic

std::int16_t reduced(std::int32_t value) {
    constexpr std::int32_t multiple =
        2000 * modulus;  // makes it positive: no sum of products below exceeds it
    return static_cast<std::int16_t>(static_cast<std::uint32_t>(value + multiple + half_modulus) % modulus -
                                     half_modulus);
}

Lanes lanes_at(const std::int16_t* coefficients) {
    Lanes some;
    std::memcpy(&some, coefficients, sizeof some);
    return some;
}

// Eight coefficients of the short polynomial are multiplied before their sum, at most 8 * half_modulus,
// leaves 16 bits.
Polynomial product(const Polynomial& polynomial, const Polynomial& short_one) {
    static_assert(static_cast<int>(lanes) * half_modulus < 32768);
    std::array<std::int16_t, lanes + padded_degree + lanes> shifted{};
    std::copy(polynomial.begin(), polynomial.end(), shifted.begin() + lanes);
    std::array<std::int32_t, 2 * padded_degree + lanes> sums{};
    for (std::size_t low = 0; low < padded_degree; low += lanes) {
        for (std::size_t i = 0; i <= padded_degree; i += lanes) {
            Lanes sum{};
            for (std::size_t j = 0; j < lanes; ++j)
                sum += lanes_at(shifted.data() + lanes + i - j) * short_one[low + j];
            for (std::size_t j = 0; j < lanes; ++j) sums[low + i + j] += sum[j];
        }
    }
    Polynomial result{};
    for (std::size_t i = 0; i < degree; ++i) {  // x^degree is x + 1
        const std::int32_t before = i == 0 ? 0 : sums[i + degree - 1];
        result[i] = reduced(sums[i] + sums[i + degree] + before);
    }
    OPENSSL_cleanse(sums.data(), sizeof sums);
    return result;
}

// ---- the short polynomial

// Ascending, by comparisons in an order that does not depend on the numbers (Batcher's odd-even merge sort;
// Knuth, The Art of Computer Programming, volume 3, algorithm 5.2.2M).
void sort(std::array<std::uint32_t, degree>& numbers) {
    constexpr std::size_t half = 512;  // the largest power of two below `degree`
    for (std::size_t p = half; p > 0; p /= 2) {
        std::size_t r = 0;
        std::size_t d = p;
        for (std::size_t q = half;; q /= 2) {
            for (std::size_t i = 0; i + d < degree; ++i) {
                if ((i & p) != r) continue;
                const std::uint32_t a = numbers[i];
                const std::uint32_t b = numbers[i + d];
                const auto exchange = static_cast<std::uint32_t>((static_cast<std::uint64_t>(b) - a) >> 32);
                const std::uint32_t change = (a ^ b) & exchange;
                numbers[i] = a ^ change;
                numbers[i + d] = b ^ change;
            }
            if (q == p) break;
            d = q - p;
            r = p;
        }
    }
}

// Random numbers take their two lowest bits, which say the coefficient, to a random place.
Polynomial random_short(Random* random, void* context) {
    std::array<std::uint8_t, 4 * degree> bytes{};
    std::array<std::uint32_t, degree> numbers{};
    random(context, bytes.size(), bytes.data());
    for (std::size_t i = 0; i < degree; ++i) {
        const std::uint32_t number = bytes[4 * i] | static_cast<std::uint32_t>(bytes[4 * i + 1]) << 8 |
                                     static_cast<std::uint32_t>(bytes[4 * i + 2]) << 16 |
                                     static_cast<std::uint32_t>(bytes[4 * i + 3]) << 24;
        numbers[i] = i < weight ? number & ~1U : (number & ~3U) | 1U;
    }
    sort(numbers);
    Polynomial polynomial{};
    for (std::size_t i = 0; i < degree; ++i)
        polynomial[i] = static_cast<std::int16_t>(static_cast<std::int32_t>(numbers[i] & 3) - 1);
    OPENSSL_cleanse(bytes.data(), bytes.size());
    OPENSSL_cleanse(numbers.data(), sizeof numbers);
    return polynomial;
}

std::array<std::uint8_t, short_size> pack_short(const Polynomial& polynomial) {
    std::array<std::uint8_t, short_size> bytes{};
    for (std::size_t i = 0; i < degree; ++i)
        bytes[i / 4] = static_cast<std::uint8_t>(bytes[i / 4] | (polynomial[i] + 1) << (2 * (i % 4)));
    return bytes;
}

// ---- hashes

using Hash = std::array<std::uint8_t, hash_size>;

Hash hash(std::uint8_t what_for, std::span<const std::uint8_t> first,
          std::span<const std::uint8_t> second = {}) {
    std::array<std::uint8_t, 1 + public_key_size> text{};
    text[0] = what_for;
    auto end = std::copy(first.begin(), first.end(), text.begin() + 1);
    end = std::copy(second.begin(), second.end(), end);
    std::array<std::uint8_t, SHA512_DIGEST_LENGTH> whole{};
    SHA512(text.data(), static_cast<std::size_t>(end - text.begin()), whole.data());
    Hash half{};
    std::copy_n(whole.begin(), half.size(), half.begin());
    OPENSSL_cleanse(text.data(), text.size());
    OPENSSL_cleanse(whole.data(), whole.size());
    return half;
}

enum HashedFor : std::uint8_t {
    session_key = 1,
    confirmation = 2,
    short_polynomial = 3,
    public_key_itself = 4
};

}  // namespace

void encapsulate(std::span<std::uint8_t, ciphertext_size> ciphertext, std::span<std::uint8_t, key_size> key,
                 std::span<const std::uint8_t, public_key_size> public_key, Random* random, void* context) {
    Polynomial secret = random_short(random, context);
    auto packed = pack_short(secret);
    Polynomial unrounded = product(unpack_public_key(public_key), secret);  // tells the secret, by a division
    const auto rounded = pack_rounded(unrounded);
    std::copy_n(rounded.begin(), rounded_size, ciphertext.begin());
    Hash of_secret = hash(short_polynomial, packed);
    const Hash confirm = hash(confirmation, of_secret, hash(public_key_itself, public_key));
    std::copy(confirm.begin(), confirm.end(), ciphertext.begin() + rounded_size);
    Hash chosen = hash(session_key, of_secret, ciphertext);
    std::copy(chosen.begin(), chosen.end(), key.begin());
    OPENSSL_cleanse(secret.data(), sizeof secret);
    OPENSSL_cleanse(unrounded.data(), sizeof unrounded);
    OPENSSL_cleanse(packed.data(), packed.size());
    OPENSSL_cleanse(of_secret.data(), of_secret.size());
    OPENSSL_cleanse(chosen.data(), chosen.size());
}

}  // namespace gerve::ssh::sntrup761

// What libssh calls: its sntrup761 takes 4 to 7 ms here (docs/decisions/0021-libssh-from-a-newer-debian.md).
extern "C" {
void __wrap_sntrup761_enc(std::uint8_t* ciphertext, std::uint8_t* key, const std::uint8_t* public_key,
                          void* context, gerve::ssh::sntrup761::Random* random);
void __wrap_sntrup761_enc(std::uint8_t* ciphertext, std::uint8_t* key, const std::uint8_t* public_key,
                          void* context, gerve::ssh::sntrup761::Random* random) {
    using namespace gerve::ssh::sntrup761;
    encapsulate(std::span<std::uint8_t, ciphertext_size>(ciphertext, ciphertext_size),
                std::span<std::uint8_t, key_size>(key, key_size),
                std::span<const std::uint8_t, public_key_size>(public_key, public_key_size), random, context);
}
}
