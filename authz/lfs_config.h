// LfsConfig: how large files of Git LFS are served, the table [lfs] of gerve.toml.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace gerve {

class TomlTable;

enum class LfsMode {
    transfer,  // over SSH alone: git-lfs-transfer
    http,      // by another program, over HTTP: git-lfs-authenticate gives tokens for it
    off,
};
constexpr std::array<std::string_view, 3> lfs_mode_names{"transfer", "http", "off"};

// `wants_token`: the client asks by git-lfs-authenticate, and not by git-lfs-transfer.
[[nodiscard]] constexpr bool serves_lfs(LfsMode mode, bool wants_token) {
    return mode == (wants_token ? LfsMode::http : LfsMode::transfer);
}

struct LfsConfig {
    LfsMode mode = LfsMode::transfer;
    std::uint64_t max_object = 0;   // bytes; 0: no limit
    bool require_objects = true;    // of the pointers that a push brings
    std::string url;                // http: with {owner} and {name}
    std::string token_secret_file;  // http: absolute
    std::chrono::seconds token_life{3600};
};

// What the client is given as the address of a repository's large files. `url`: as LfsConfig has it.
[[nodiscard]] std::string lfs_url(std::string_view url, std::string_view owner, std::string_view name);

[[nodiscard]] LfsConfig read_lfs(TomlTable table);

}  // namespace gerve
