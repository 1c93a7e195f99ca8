// Trail: the audit file as its writers see it: one process at a time, one chain across files and restarts.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "authz/audit/chain.h"
#include "authz/audit/unsynced.h"
#include "authz/base/fd.h"

namespace gerve {

struct TrailSettings {
    std::string file;
    std::string key_file;
    std::string gateway;  // what every line calls this machine
};

// What FILE.head says: where the trail stood, and in which file.
struct HeadRecord {
    TrailHead head;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
};

// Several processes may append in turns: authz, the one that takes its place during a reload, and a command
// while none runs. Each append holds a lock and looks first where the trail stands by then. The lock lies in
// FILE.head, which also tells where the trail stands when FILE itself was renamed away and is new.
//
// Not thread-safe, but for what was taken by take_unsynced().
class Trail {
  public:
    // Makes the key for a trail that has not begun. A key that is gone although there is a trail, or that is
    // not the trail's, is no error, and no more is a disk that is full, broken or read-only if the key is
    // there: append() then fails, and tries again each time. Errors: internal.
    [[nodiscard]] static Result<std::unique_ptr<Trail>> open(TrailSettings settings);

    // Writes all of them or none. Error: internal, the file system's.
    [[nodiscard]] Result<void> append(const std::vector<AuditFact>& facts);

    // Whether there is room for the next event; it is held for that. Error: internal, as of append().
    [[nodiscard]] Result<void> probe();

    // What was written since the last call, by file, for fdatasync() at somebody's leisure.
    [[nodiscard]] std::vector<Unsynced> take_unsynced() {
        unsynced_bytes_ = 0;
        return std::exchange(unsynced_, {});
    }
    [[nodiscard]] std::size_t unsynced_bytes() const { return unsynced_bytes_; }

    [[nodiscard]] const TrailHead& head() const { return head_; }

  private:
    explicit Trail(TrailSettings settings) : settings_(std::move(settings)) {}
    [[nodiscard]] Result<void> load_key();
    [[nodiscard]] Result<void> follow_key();
    Result<void> open_head();
    Result<void> catch_up();
    Result<void> switch_file();
    Result<void> read_tail();
    Result<void> begin_file();
    void go_on_behind_noted();
    [[nodiscard]] std::optional<HeadRecord> noted() const;
    Result<void> write_whole(const std::string& text);
    void note_head();

    TrailSettings settings_;
    std::optional<ChainKey> key_;
    std::uint64_t key_mark_ = 0;  // of its file, when it was read: changes with it
    Fd lock_;                     // of FILE.head
    std::shared_ptr<Fd> file_;
    struct {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
    } identity_;      // of file_
    off_t size_ = 0;  // of file_, behind head_
    TrailHead head_;
    std::optional<TrailNote> opening_;  // to be written in front of the next event
    std::vector<Unsynced> unsynced_;
    std::size_t unsynced_bytes_ = 0;  // of these
};

// The file beside the trail's, and what it says.
[[nodiscard]] std::string head_file_of(const std::string& file);
[[nodiscard]] std::optional<HeadRecord> read_head_record(const std::string& file);

// Whether anything was written there, as far as can be seen: FILE.head, or a file of the trail.
[[nodiscard]] bool is_trail(const std::string& file);
// Whether the last events of FILE, or of the file before while FILE has none, were written under this key.
// True where nothing can be compared.
[[nodiscard]] bool key_fits(const ChainKey& key, const std::string& file);
// Where the trail stood at the end of the last file beside FILE (FILE.1, FILE-20260131, …); empty: nowhere.
[[nodiscard]] TrailHead last_head_beside(const std::string& file);
// Has FILE.head, open as `head` and locked, say that its chain has ended. Error: internal.
[[nodiscard]] Result<void> note_end_of_chain(int head);

// Where a trail stands at the end of a file, and the bytes behind its last line that are no line. Nothing: it
// has no line. Error: internal.
struct TrailEnd {
    TrailHead head;
    std::string torn;
};
[[nodiscard]] Result<std::optional<TrailEnd>> find_trail_end(int file, off_t size);

// The trail's file and what it was renamed to (FILE.1, FILE-20260131, …), in the order of what they hold;
// empty and foreign ones are left out. Compressed files cannot be read and are not among them.
[[nodiscard]] std::vector<std::string> list_trail_files(const std::string& file);

}  // namespace gerve
