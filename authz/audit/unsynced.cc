#include "authz/audit/unsynced.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace gerve {
namespace {

bool put_whole(int file, off_t at, std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = ::pwrite(file, text.data(), text.size(), at);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += put;
        text.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

}  // namespace

void Unsynced::add(off_t at, std::string_view text) {
    const bool joins =
        !pieces_.empty() && pieces_.back().at + static_cast<off_t>(pieces_.back().text.size()) == at;
    if (joins)
        pieces_.back().text += text;
    else
        pieces_.push_back({at, std::string(text)});
}

void Unsynced::add(const Unsynced& later) {
    for (const Piece& piece : later.pieces_) add(piece.at, piece.text);
}

Result<void> Unsynced::sync(SyncCall call) {
    failed_ = call(file_->get()) != 0;
    if (failed_) return internal_error(errno_text("cannot sync the audit file"));
    pieces_.clear();
    return {};
}

// O_APPEND would put it at the end, wherever pwrite() is told to.
Result<void> Unsynced::write_again() {
    if (!failed_) return {};
    const int flags = ::fcntl(file_->get(), F_GETFL);
    if (flags < 0 || ::fcntl(file_->get(), F_SETFL, flags & ~O_APPEND) != 0)
        return internal_error(errno_text("cannot write unsynced events to the audit file again"));
    Result<void> outcome;
    for (const Piece& piece : pieces_) {
        if (outcome && !put_whole(file_->get(), piece.at, piece.text))
            outcome = internal_error(errno_text("cannot write unsynced events to the audit file again"));
    }
    if (::fcntl(file_->get(), F_SETFL, flags) != 0) return internal_error(errno_text("fcntl"));
    return outcome;
}

}  // namespace gerve
