#include "gerve/server/admission.h"

#include <sys/socket.h>

#include "authz/base/address.h"
#include "authz/base/log.h"

namespace gerve {

std::optional<UnauthenticatedLimit::Place> UnauthenticatedLimit::admit(const std::string& address,
                                                                       Refusal& refusal) {
    if (waiting_ >= in_all_) {
        refusal.text = "Too many connections " + doing_ + " (limit " + std::to_string(in_all_) +
                       "). Try again in a few seconds.";
        return std::nullopt;
    }
    std::string source = source_of(address);
    unsigned& count = by_source_[source];
    if (count >= per_source_) {
        refusal.by_source = true;
        refusal.text = "Too many connections from " + source + " " + doing_ + " (limit " +
                       std::to_string(per_source_) + "). Try again in a few seconds.";
        return std::nullopt;
    }
    ++count;
    ++waiting_;
    if (shown_ != nullptr) shown_->set(waiting_);
    return Place(*this, std::move(source));
}

void UnauthenticatedLimit::Place::give_back() {
    if (limit_ == nullptr) return;
    --limit_->waiting_;
    if (limit_->shown_ != nullptr) limit_->shown_->set(limit_->waiting_);
    const auto count = limit_->by_source_.find(source_);
    if (--count->second == 0) limit_->by_source_.erase(count);
    limit_ = nullptr;
}

void refuse_connection(const Fd& socket, const std::string& text, const std::string& address) {
    log::warn("connection refused", {{"addr", address}, {"why", text}});
    const std::string line = text + "\r\n";
    (void)::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace gerve
