// Service: what a client can ask for with a repository, one row each. Whatever differs between services
// stands in their row, but for what the agent does beside running git.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "authz/model/repository_kind.h"

namespace gerve {

// The numbers are those of GRV1's service TLV. `admin` is for Gerve's own commands: no client can ask for it.
enum class Service : std::uint8_t {
    upload_pack = 1,
    receive_pack = 2,
    upload_archive = 3,
    admin = 4,
    lfs_upload = 5,
    lfs_download = 6,
    hg_read = 7,
    hg_write = 8,
};

struct ServiceRow {
    Service service;
    // As clients ask for git's own; in logs, metrics and the audit trail.
    std::string_view name;
    std::string_view setting;  // its deadlines in [upstream]
    std::string_view git;      // the words behind `git` on the file server, in front of the path
    // It needs write access. What serves it reads all that the client sends before it does anything, and
    // finishes when the client has gone.
    bool writes;
    // `git-lfs-transfer PATH WORD`, which the agent serves by itself; empty: it is one of git's own.
    std::string_view lfs = {};
    RepositoryKind kind = RepositoryKind::git;  // of the repositories that it serves
    // The same command for whoever may write, where its words do not say what is to be done; authz decides.
    std::optional<Service> writing = std::nullopt;
};

inline constexpr std::array service_rows{
    ServiceRow{Service::upload_pack, "git-upload-pack", "upload_pack", "upload-pack --strict", false},
    ServiceRow{Service::receive_pack, "git-receive-pack", "receive_pack", "receive-pack", true},
    ServiceRow{Service::upload_archive, "git-upload-archive", "upload_archive", "upload-archive", false},
    ServiceRow{Service::lfs_upload, "git-lfs-upload", "lfs_upload", "", true, "upload"},
    ServiceRow{Service::lfs_download, "git-lfs-download", "lfs_download", "", false, "download"},
    ServiceRow{Service::hg_read, "hg-read", "hg_read", "", false, "", RepositoryKind::hg, Service::hg_write},
    ServiceRow{Service::hg_write, "hg-write", "hg_write", "", true, "", RepositoryKind::hg},
};

// Null: `admin`.
[[nodiscard]] constexpr const ServiceRow* find_row(Service service) {
    for (const ServiceRow& row : service_rows) {
        if (row.service == service) return &row;
    }
    return nullptr;
}

// As the configuration of an agent names it: without "git-".
[[nodiscard]] constexpr std::string_view short_name(const ServiceRow& row) {
    return row.name.starts_with("git-") ? row.name.substr(4) : row.name;
}
// One that is git's own program.
[[nodiscard]] constexpr bool is_of_git(const ServiceRow& row) {
    return row.lfs.empty() && row.kind == RepositoryKind::git;
}

[[nodiscard]] constexpr std::string_view service_name(Service service) {
    const ServiceRow* row = find_row(service);
    return row == nullptr ? "admin" : row->name;
}
[[nodiscard]] constexpr std::optional<Service> parse_service(std::string_view name) {
    for (const ServiceRow& row : service_rows) {
        if (row.name == name) return row.service;
    }
    return std::nullopt;
}
[[nodiscard]] constexpr bool needs_write(Service service) {
    const ServiceRow* row = find_row(service);
    return row != nullptr && row->writes;
}
[[nodiscard]] constexpr bool is_lfs(Service service) {
    const ServiceRow* row = find_row(service);
    return row != nullptr && !row->lfs.empty();
}
// Of `admin`: git, which nobody asks it for.
[[nodiscard]] constexpr RepositoryKind kind_of(Service service) {
    const ServiceRow* row = find_row(service);
    return row == nullptr ? RepositoryKind::git : row->kind;
}
// The service that a command turns into for whoever may write.
[[nodiscard]] constexpr Service most_of(Service service) {
    const ServiceRow* row = find_row(service);
    return row == nullptr ? service : row->writing.value_or(service);
}
// What reads repositories of a kind, or writes them.
[[nodiscard]] constexpr Service service_of(RepositoryKind kind, bool writes) {
    for (const ServiceRow& row : service_rows) {
        if (row.kind == kind && row.writes == writes && row.lfs.empty()) return row.service;
    }
    return Service::upload_pack;
}

}  // namespace gerve
