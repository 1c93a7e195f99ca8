#include "authz/audit/trail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "authz/audit/head_lock.h"
#include "authz/audit/json_members.h"
#include "authz/base/key_file.h"
#include "authz/base/log.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

using Json = nlohmann::json;

constexpr std::size_t head_record_size = 512;
constexpr std::size_t chain_bytes = 16;
constexpr std::string_view ended_chain = R"({"ended":true)";  // FILE.head, in place of a record

std::string directory_of(const std::string& file) {
    const auto slash = file.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
}

Result<Fd> open_or_make(const std::string& path, int flags) {
    const bool is_new = ::access(path.c_str(), F_OK) != 0;
    Fd file(::open(path.c_str(), flags | O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return internal_error(errno_text("cannot open " + path));
    if (is_new) {
        give_to_owner_of_directory(file.get(), path);
        const Fd directory(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (directory) ::fsync(directory.get());
    }
    return file;
}

// Written with each event, so by hand.
std::string record_text(const HeadRecord& record) {
    JsonMembers members;
    members.add("chain", record.head.chain);
    members.add("seq", record.head.seq);
    members.add("mac", record.head.mac);
    members.add("device", record.device);
    members.add("inode", record.inode);
    members.add("size", record.size);
    std::string text = members.take_object();
    text.resize(head_record_size - 1, ' ');
    text += '\n';
    return text;
}

std::optional<HeadRecord> parse_record(const std::string& text) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    HeadRecord record;
    record.head = {json.value("chain", ""), json.value("seq", std::uint64_t{0}), json.value("mac", "")};
    record.device = json.value("device", std::uint64_t{0});
    record.inode = json.value("inode", std::uint64_t{0});
    record.size = json.value("size", std::int64_t{0});
    if (record.head.chain.empty()) return std::nullopt;
    return record;
}

// Of one file at one time: the number of a file that is gone is given again.
std::uint64_t mark_of(const struct stat& status) {
    constexpr std::uint64_t billion = 1'000'000'000;
    const auto seconds = static_cast<std::uint64_t>(status.st_mtim.tv_sec);
    return (seconds * billion + static_cast<std::uint64_t>(status.st_mtim.tv_nsec)) ^ status.st_ino;
}

// What passes without anybody changing the configuration.
bool is_disk_trouble(int error) {
    return error == ENOSPC || error == EDQUOT || error == EROFS || error == EIO;
}

// What the last writer may have added, killed before it said so in the head.
TrailHead head_of(const HeadRecord& record, const std::string& file) {
    for (const std::string& sibling : list_trail_files(file)) {
        struct stat status {};
        const Fd opened(::open(sibling.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (!opened || ::fstat(opened.get(), &status) != 0) continue;
        if (status.st_ino != record.inode || status.st_dev != record.device) continue;
        if (status.st_size == record.size) return record.head;
        auto end = find_trail_end(opened.get(), status.st_size);
        if (end && *end) return (*end)->head;
    }
    return record.head;
}

}  // namespace

std::string head_file_of(const std::string& file) {
    return file + ".head";
}

std::optional<HeadRecord> read_head_record(const std::string& file) {
    const auto text = read_file(head_file_of(file), 2 * head_record_size);
    return text ? parse_record(*text) : std::nullopt;
}

Result<void> note_end_of_chain(int head) {
    std::string text(ended_chain);
    text += '}';
    text.resize(head_record_size, ' ');
    if (::pwrite(head, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size())) return {};
    return internal_error(errno_text("cannot write the head of the audit file"));
}

Result<std::unique_ptr<Trail>> Trail::open(TrailSettings settings) {
    std::unique_ptr<Trail> trail(new Trail(std::move(settings)));
    if (auto loaded = trail->load_key(); !loaded) {
        if (loaded.error().kind != ErrorKind::unavailable) return pass_on(loaded);
        return trail;
    }
    if (auto opened = trail->open_head(); !opened) {
        if (!is_disk_trouble(errno)) return pass_on(opened);
        return trail;
    }
    const HeadLock lock(trail->lock_.get());
    if (auto ready = trail->catch_up(); !ready && !is_disk_trouble(errno)) return pass_on(ready);
    return trail;
}

// Error: unavailable while nothing can be written under the key that is there; internal.
Result<void> Trail::load_key() {
    struct stat status {};
    const bool is_gone = ::stat(settings_.key_file.c_str(), &status) != 0 && errno == ENOENT;
    if (is_gone && is_trail(settings_.file))
        return unavailable(settings_.key_file + " is missing, and " + settings_.file +
                           " was written with it: restore the key from a backup, or run `gerve audit "
                           "new-chain`, which starts a new chain and records that");
    auto key = load_or_make_chain_key(settings_.key_file);
    if (!key) return pass_on(key);
    if (!key_fits(*key, settings_.file))
        return unavailable(
            settings_.key_file + " is not the key that " + settings_.file +
            " was written with: restore that key from a backup, or run `gerve audit new-chain`, "
            "which starts a new chain and records that");
    key_ = std::move(*key);
    key_mark_ = ::stat(settings_.key_file.c_str(), &status) == 0 ? mark_of(status) : 0;
    return {};
}

Result<void> Trail::open_head() {
    auto head = open_or_make(head_file_of(settings_.file), 0);
    if (!head) return pass_on(head);
    lock_ = std::move(*head);
    return {};
}

Result<void> Trail::append(const std::vector<AuditFact>& facts) {
    if (!key_) {
        if (auto loaded = load_key(); !loaded) return loaded;
    }
    if (!lock_) {
        if (auto opened = open_head(); !opened) return opened;
    }
    const HeadLock lock(lock_.get());
    if (!lock.held()) return internal_error(errno_text("cannot lock " + head_file_of(settings_.file)));
    if (auto ready = catch_up(); !ready) return ready;
    TrailHead head = head_;
    std::string text;
    if (opening_) text += make_line(*key_, settings_.gateway, fact_of(*opening_), head);
    // A note that recovers begins with the end of what was torn.
    if (opening_ && !opening_->torn.empty() && !opening_->torn.ends_with('\n')) text.insert(0, 1, '\n');
    for (const AuditFact& fact : facts) text += make_line(*key_, settings_.gateway, fact, head);
    if (auto written = write_whole(text); !written) return written;
    head_ = std::move(head);
    opening_.reset();
    if (!text.empty()) {
        if (unsynced_.empty() || !unsynced_.back().is_of(file_)) unsynced_.emplace_back(file_);
        unsynced_.back().add(size_, text);
        unsynced_bytes_ += text.size();
    }
    size_ += static_cast<off_t>(text.size());
    note_head();
    return {};
}

Result<void> Trail::probe() {
    constexpr off_t enough = 16 * 1024;
    if (auto ready = append({}); !ready) return ready;
    if (::fallocate(file_->get(), FALLOC_FL_KEEP_SIZE, size_, enough) == 0 || errno == EOPNOTSUPP) return {};
    return internal_error(errno_text("cannot allocate space in " + settings_.file));
}

// Finds out what others have written, and that the file was renamed.
Result<void> Trail::catch_up() {
    struct stat named {};
    const bool is_there = ::lstat(settings_.file.c_str(), &named) == 0;
    // While the file is open, nothing else gets its number.
    if (file_ == nullptr || !is_there || named.st_dev != identity_.device || named.st_ino != identity_.inode)
        return switch_file();
    return named.st_size == size_ ? Result<void>{} : read_tail();
}

Result<void> Trail::switch_file() {
    struct stat status {};
    // The last lines of the file that was renamed may be another process's.
    if (file_ != nullptr && ::fstat(file_->get(), &status) == 0 && status.st_size != size_) (void)read_tail();
    auto file = open_or_make(settings_.file, O_APPEND);
    if (!file) return pass_on(file);
    file_ = std::make_shared<Fd>(std::move(*file));
    if (::fstat(file_->get(), &status) != 0) return internal_error(errno_text("fstat " + settings_.file));
    identity_ = {status.st_dev, status.st_ino};
    size_ = 0;
    if (auto same = follow_key(); !same) return same;
    return status.st_size == 0 ? begin_file() : read_tail();
}

// A new chain has a new key. One that is gone by now is known here and goes on, and one that does not fit is
// not taken.
Result<void> Trail::follow_key() {
    struct stat status {};
    if (::stat(settings_.key_file.c_str(), &status) != 0 || mark_of(status) == key_mark_) return {};
    auto key = load_chain_key(settings_.key_file);
    if (!key) return pass_on(key);
    if (!key_fits(*key, settings_.file)) return {};
    key_ = std::move(*key);
    key_mark_ = mark_of(status);
    return {};
}

std::optional<HeadRecord> Trail::noted() const {
    std::string text(head_record_size, '\0');
    const ssize_t got = ::pread(lock_.get(), text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return parse_record(text);
}

// Lines that were written and are not there, cut off or lost with the machine: their numbers are not given
// twice, so that they are missed.
void Trail::go_on_behind_noted() {
    auto record = noted();
    if (!record || record->head.chain != head_.chain || record->head.seq <= head_.seq) return;
    log::error("events are missing from the audit file",
               {{"file", settings_.file}, {"from", head_.seq + 1}, {"to", record->head.seq}});
    head_ = std::move(record->head);
}

// An empty file: the next of the trail, or the first of a new one.
Result<void> Trail::begin_file() {
    const auto record = noted();
    std::string head(head_record_size, '\0');
    const ssize_t got = ::pread(lock_.get(), head.data(), head.size(), 0);
    if (got > 0 && head.starts_with(ended_chain)) head_ = {};
    if (record) {
        TrailHead last = head_of(*record, settings_.file);
        // Of two the later: another process may have filled a file meanwhile that this one never saw.
        if (last.chain != head_.chain || last.seq > head_.seq) head_ = std::move(last);
    }
    const bool begins = head_.chain.empty();
    opening_ = begins ? TrailNote{"begins", last_head_beside(settings_.file), {}}
                      : TrailNote{"continues", head_, {}};
    if (begins) head_ = {to_hex(random_bytes(chain_bytes)), 0, first_mac()};
    return {};
}

Result<void> Trail::read_tail() {
    struct stat status {};
    if (::fstat(file_->get(), &status) != 0) return internal_error(errno_text("fstat " + settings_.file));
    auto end = find_trail_end(file_->get(), status.st_size);
    if (!end) return pass_on(end);
    size_ = status.st_size;
    opening_.reset();
    if (*end) {
        head_ = (*end)->head;
        go_on_behind_noted();
        if (!(*end)->torn.empty()) opening_ = TrailNote{"recovered", {}, std::move((*end)->torn)};
        return {};
    }
    // Not one line of a trail: what stands there is named, and left alone.
    auto torn = read_file(settings_.file, std::size_t{1} << 30);
    if (!torn) return pass_on(torn);
    head_ = {};
    if (auto begun = begin_file(); !begun) return begun;
    opening_->torn = std::move(*torn);
    return {};
}

// Half a line is taken back; where that fails, the next writer recovers.
Result<void> Trail::write_whole(const std::string& text) {
    if (text.empty()) return {};
    const ssize_t put = ::write(file_->get(), text.data(), text.size());
    if (put == static_cast<ssize_t>(text.size())) return {};
    const std::string why = put < 0 ? errno_text("cannot write " + settings_.file)
                                    : "cannot write " + settings_.file + ": no space";
    if (put > 0 && ::ftruncate(file_->get(), size_) != 0)
        log::error("the audit file ends in an incomplete line", {{"why", why}});
    return internal_error(why);
}

void Trail::note_head() {
    const std::string text = record_text({head_, identity_.device, identity_.inode, size_});
    if (::pwrite(lock_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        log::warn("cannot record the head of the audit file", {{"why", errno_text("pwrite")}});
}

}  // namespace gerve
