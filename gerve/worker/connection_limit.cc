#include "gerve/worker/connection_limit.h"

#include <sys/socket.h>

#include "authz/base/address.h"

namespace gerve {

std::optional<UnauthenticatedLimit::Place> UnauthenticatedLimit::admit(const std::string& address,
                                                                       Refusal& refusal,
                                                                       Clock::time_point now) {
    const std::string name = source_of(address);
    const auto known = sources_.find(name);
    Source* source = known == sources_.end() ? nullptr : &known->second;
    const std::size_t held = source == nullptr ? 0 : source->entries.size();
    if (held >= per_source_ || entries_.size() >= in_all_) {
        if (!make_room(source, held, now)) {
            refusal.by_source = held >= per_source_;
            refusal.text = "Too many connections " + (refusal.by_source ? "from " + name + " " : "") +
                           doing_ + " (limit " + std::to_string(refusal.by_source ? per_source_ : in_all_) +
                           "). Try again in a few seconds.";
            return std::nullopt;
        }
    }
    Source& mine = sources_.try_emplace(name, Source{name}).first->second;
    const auto entry = entries_.insert(entries_.end(), Entry{&mine, now});
    entry->of_source = mine.entries.insert(mine.entries.end(), entry);
    rank(mine, +1);
    show();
    return Place(*this, entry);
}

// Whether there is a place now for one more of that source, which holds so many.
bool UnauthenticatedLimit::make_room(const Source* source, std::size_t held, Clock::time_point now) {
    const auto had_time = [&](const Entry& entry) { return now - entry.since >= fair_wait; };
    if (held >= per_source_) {
        const auto own = source->entries.front();
        return had_time(*own) && cut(own);
    }
    const auto [most, greedy] = *ranks_.rbegin();
    const auto greedys = greedy->entries.front();
    const auto oldest = entries_.begin();
    if (most > held + 1 && had_time(*greedys)) return cut(greedys);
    if (had_time(*oldest)) return cut(oldest);
    return most > held + 1 && cut(greedys);
}

bool UnauthenticatedLimit::cut(std::list<Entry>::iterator entry) {
    if (!entry->cut) return false;
    uncount(entry);
    cut_off_.splice(cut_off_.end(), entries_, entry);
    const auto end = std::exchange(entry->cut, nullptr);
    end();
    return true;
}

void UnauthenticatedLimit::uncount(std::list<Entry>::iterator entry) {
    Source& source = *entry->source;
    source.entries.erase(entry->of_source);
    rank(source, -1);
    entry->counted = false;
    entry->source = nullptr;
    if (source.entries.empty()) sources_.erase(std::string(source.name));
}

// Behind a change of the source's entries.
void UnauthenticatedLimit::rank(Source& source, std::ptrdiff_t change) {
    const std::size_t held = source.entries.size();
    ranks_.erase({held - static_cast<std::size_t>(change), &source});
    if (held > 0) ranks_.insert({held, &source});
}

void UnauthenticatedLimit::Place::give_back() {
    if (limit_ == nullptr) return;
    UnauthenticatedLimit& limit = *std::exchange(limit_, nullptr);
    if (entry_->counted) {
        limit.uncount(entry_);
        limit.entries_.erase(entry_);
        limit.show();
    } else {
        limit.cut_off_.erase(entry_);
    }
}

void refuse_connection(const Fd& socket, const std::string& text) {
    const std::string line = text + "\r\n";
    (void)::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace gerve
