// sntrup761: the server's part of the key exchange that OpenSSH 9.0 to 9.9 prefer, in place of libssh's,
// which is slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gerve::ssh::sntrup761 {

constexpr std::size_t public_key_size = 1158;
constexpr std::size_t ciphertext_size = 1039;
constexpr std::size_t key_size = 32;

// Fills `into` with `size` random bytes.
using Random = void(void* context, std::size_t size, std::uint8_t* into);

// Chooses a key at random and encrypts it to the public key, any bytes of that size being one: Encap of
// Streamlined NTRU Prime 761 (NTRU Prime, round 3 specification of 2020, section 3; used by
// draft-ietf-sshm-ntruprime-ssh). What it does, and how long it takes, does not depend on the key.
void encapsulate(std::span<std::uint8_t, ciphertext_size> ciphertext, std::span<std::uint8_t, key_size> key,
                 std::span<const std::uint8_t, public_key_size> public_key, Random* random, void* context);

}  // namespace gerve::ssh::sntrup761
