// RevocationList: a key revocation list in OpenSSH's form (PROTOCOL.krl), as `ssh-keygen -k` writes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "authz/model/public_key.h"

namespace gerve {

struct RevocationList {
    static constexpr std::size_t max_bytes = 16 * 1024 * 1024;
    static constexpr std::size_t max_entries = 100'000;  // serials that follow one another are one

    struct Serials {
        std::uint64_t first;
        std::uint64_t last;  // included
    };
    // What is revoked of the certificates of one authority.
    struct Section {
        std::string authority;  // the blob of its key; empty: of any
        std::vector<Serials> serials;
        std::vector<std::string> key_ids;
    };
    std::vector<Section> sections;
    std::vector<Fingerprint> keys;      // revoked whoever certifies them
    std::size_t sha1_fingerprints = 0;  // of keys, by SHA-1 alone: not looked at

    // A signature of the list is not checked. Error: client, telling what is wrong with it.
    [[nodiscard]] static Result<RevocationList> parse(std::string_view bytes);
};

}  // namespace gerve
