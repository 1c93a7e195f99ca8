// LfsConfig: how large files of Git LFS are served, the table [lfs] of gerve.toml.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gerve {

class TomlTable;

enum class LfsMode {
    transfer,  // over SSH alone: git-lfs-transfer
    off,
};
constexpr std::array<std::string_view, 2> lfs_mode_names{"transfer", "off"};

struct LfsConfig {
    LfsMode mode = LfsMode::transfer;
    std::uint64_t max_object = 0;  // bytes; 0: no limit
    bool require_objects = true;   // of the pointers that a push brings
};

[[nodiscard]] LfsConfig read_lfs(TomlTable table);

}  // namespace gerve
