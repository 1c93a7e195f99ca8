// What the threads of an agent share, and what each has for itself.
#pragma once

#include <asio/io_context.hpp>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>

#include "gerve/agent/admission/descriptor_budget.h"
#include "gerve/agent/admission/gate.h"
#include "gerve/agent/admission/handshakes.h"
#include "gerve/agent/admission/nonce_cache.h"
#include "gerve/agent/admission/operation_count.h"
#include "gerve/agent/admission/ticket_admission.h"
#include "gerve/agent/agent_config.h"
#include "gerve/agent/disk_threads.h"
#include "gerve/agent/lfs/sessions.h"
#include "gerve/agent/repository/disk_usage.h"
#include "gerve/relay/buffer_pool.h"
#include "gerve/relay/grv1.h"

namespace gerve {

class AgentState {
  public:
    // `files`: the soft limit of open files that git gets.
    AgentState(AgentConfig config, std::size_t files, DescriptorBudget descriptors)
        : open_files(files),
          budget(descriptors),
          looks({.threads = descriptors.disk_threads, .per_owner = 8, .per_place = 2}),
          config_(std::make_shared<const AgentConfig>(std::move(config))) {}

    // The configuration now in force; an operation keeps the one that it started with.
    [[nodiscard]] std::shared_ptr<const AgentConfig> config() const {
        const std::lock_guard lock(mutex_);
        return config_;
    }
    void replace_config(AgentConfig config) {
        auto next = std::make_shared<const AgentConfig>(std::move(config));
        const std::lock_guard lock(mutex_);
        config_ = std::move(next);
    }

    // A million tickets within their lifetime of a minute are 17,000 operations a second.
    NonceCache nonces{nonce_lifetime, 1'000'000};
    OperationCount operations;
    OperationCount lfs_operations;  // sessions of Git LFS; they count apart
    lfs::Sessions lfs_sessions;
    Handshakes handshakes;
    std::atomic<unsigned> connections{0};
    std::atomic<bool> draining{false};
    const std::size_t open_files;
    const DescriptorBudget budget;
    const std::shared_ptr<KnownUsage> usage = std::make_shared<KnownUsage>();  // for the limits of pushes
    // What every operation asks of the disk before it begins; what takes long: administration; what reads
    // large files for hours, or all of history for them; and what a push asks when git has ended. None can
    // hold up another.
    DiskThreads looks;
    DiskThreads administration{{.threads = 16, .per_owner = 4, .per_place = 1}};
    DiskThreads large_files{{.threads = 8, .per_owner = 2, .per_place = 1}};
    DiskThreads settling{{.threads = 16, .per_owner = 2, .per_place = 1}};
    // How much repositories use, which a push with a limit waits for; and git gc, which nobody waits for.
    DiskThreads measuring{{.threads = 8, .per_owner = 2, .per_place = 1}};
    DiskThreads collecting{{.threads = 4, .per_owner = 1, .per_place = 1}};
    [[nodiscard]] bool waits_for_disk() const {
        return !looks.is_idle() || !administration.is_idle() || !large_files.is_idle() ||
               !settling.is_idle() || !measuring.is_idle() || !collecting.is_idle();
    }

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<const AgentConfig> config_;
};

class AgentOperation;

// The part of one thread. Everything in it is touched by that thread alone.
struct Lane {
    explicit Lane(AgentState& shared)
        : state(shared), gate(loop, shared.operations), lfs_gate(loop, shared.lfs_operations) {}

    asio::io_context loop{1};
    AgentState& state;
    BufferPool buffers{grv1::header_size + grv1::max_payload, 4};  // a frame each
    Gate gate;
    Gate lfs_gate;
    std::set<AgentOperation*> operations;
};

}  // namespace gerve
