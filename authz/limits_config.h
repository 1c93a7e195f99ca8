// How much one key and one account may have at a gateway at once; [limits] of gerve.toml(5).
#pragma once

#include "authz/config.h"

namespace gerve {

class TomlTable;

// That git-lfs opens for one push; for each operation of git so many sessions of Git LFS may run, beside it.
constexpr unsigned lfs_sessions = 8;

// Of the gateway; 0: no limit. An account is a user, or the deploy keys of one repository.
struct AccountLimits {
    unsigned connections_per_key = 256;
    unsigned connections_per_account = 512;
    unsigned idle_per_key = 64;  // of these, connections on which nothing runs
    unsigned idle_per_account = 128;
    unsigned operations_per_key = 256;
    unsigned operations_per_account = 512;

    // What each of so many workers allows, since they count apart: its share, at least 45 connections
    // and 16 operations.
    [[nodiscard]] AccountLimits share_of(unsigned workers) const;
};

[[nodiscard]] AccountLimits read_limits(TomlTable table);

// Of a configuration that was read without a problem.
[[nodiscard]] AccountLimits limits_of(const Config& config);

}  // namespace gerve
