#include "authz/audit/new_chain.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "authz/audit/head_lock.h"
#include "authz/base/presence.h"
#include "authz/base/text.h"
#include "authz/base/units.h"

namespace gerve {
namespace {

Result<std::string> put_aside(const std::string& file) {
    const auto there = is_there(file);
    if (!there) return pass_on(there);
    if (!*there) return std::string();
    auto aside = free_name(file + "-" + file_stamp(unix_now()));
    if (!aside) return aside;
    if (::rename(file.c_str(), aside->c_str()) != 0)
        return internal_error(errno_text("cannot rename " + file));
    return aside;
}

}  // namespace

Result<std::string> begin_new_chain(const TrailSettings& settings) {
    const std::string& file = settings.file;
    if (!is_trail(file)) return client_error("there is no trail at " + file + ": the next event starts one");
    const auto has_key = is_there(settings.key_file);
    if (!has_key) return pass_on(has_key);
    if (*has_key) {
        const auto key = load_chain_key(settings.key_file);
        if (!key) return pass_on(key);
        if (key_fits(*key, file))
            return client_error(settings.key_file + " exists and matches " + file +
                                ": no new chain is needed");
    }
    const std::string head = head_file_of(file);
    const Fd lock(::open(head.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) return internal_error(errno_text("cannot open " + head));
    const HeadLock held(lock.get());
    if (!held.held()) return internal_error(errno_text("cannot lock " + head));
    auto aside = put_aside(file);
    if (!aside) return aside;
    if (auto ended = note_end_of_chain(lock.get()); !ended) return pass_on(ended);
    // Last: a writer without a key waits for it.
    if (auto made = load_or_make_chain_key(settings.key_file); !made) return pass_on(made);
    return aside;
}

}  // namespace gerve
