#include "authz/service/live_sessions.h"

#include <algorithm>

#include "authz/base/log.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

// A peer gone mad must not fill the memory: about 1 KB each.
constexpr std::size_t max_sessions = 200'000;

bool is_chosen(const LiveSessions::Entry& entry, const LiveChoice& choice) {
    if (const auto* session = std::get_if<std::string>(&choice)) return entry.told.id == *session;
    const KnownKey& key = entry.principal.key();
    if (const auto* fingerprint = std::get_if<Fingerprint>(&choice)) return key.fingerprint == *fingerprint;
    const User* user = user_of(key.holder);
    return user != nullptr && user->login == std::get<Login>(choice);
}

LiveRecord record_of(std::uint64_t sequence, const LiveSessions::Entry& entry) {
    const Principal& principal = entry.principal;
    return {.sequence = sequence,
            .id = entry.told.id,
            .who = principal.name(),
            .deploy_key = is_deploy_key(principal.holder()),
            .fingerprint = principal.key().fingerprint.text(),
            .service = entry.told.service,
            .repo = entry.told.repo,
            .server = entry.told.server,
            .address = entry.told.client.address,
            .version = entry.told.client.version,
            .connection = entry.told.client.connection,
            .door = entry.told.client.door,
            .process = entry.process,
            .since = entry.told.since,
            .bytes_in = entry.bytes_in,
            .bytes_out = entry.bytes_out,
            .rate = entry.rate,
            .ending = entry.ending ? std::string(live_end_name(*entry.ending)) : ""};
}

// One key may log in by itself and by several certificates, each of which is asked about.
std::string subject_name(const KnownKey& key) {
    const CertificateFacts* certificate = certificate_of(key.holder);
    if (certificate == nullptr) return key.fingerprint.bytes();
    return key.fingerprint.bytes() + certificate->certificate.bytes() +
           std::to_string(number_of(certificate->authority)) + identity_of(key.holder);
}

// A peer's words are shown to an administrator, and kept for a while.
void tidy(LiveEntry& told) {
    told.handle.clear();
    told.handle.shrink_to_fit();
    for (std::string* word : {&told.id, &told.server, &told.client.address, &told.client.connection}) {
        *word = printable(*word, 64);
    }
    told.client.version = printable(told.client.version, 80);
}

}  // namespace

void LiveSessions::tell_by(Tell tell) {
    const std::lock_guard lock(mutex_);
    tell_ = std::move(tell);
}

void LiveSessions::take(std::uint64_t peer, std::uint64_t process, LiveNews news,
                        const Principals& principals) {
    const std::int64_t now = monotonic_now();
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < news.began.size(); ++i) {
        if (principals[i]) begin(peer, process, std::move(news.began[i]), *principals[i]);
    }
    for (const LiveTraffic& traffic : news.moved) move(peer, traffic, now);
    for (const std::uint64_t number : news.ended) {
        const auto entry = find(peer, number);
        if (entry == entries_.end()) continue;
        entries_.erase(entry);
        numbers_[peer].erase(number);
    }
}

void LiveSessions::begin(std::uint64_t peer, std::uint64_t process, LiveEntry told, Principal principal) {
    if (entries_.size() >= max_sessions) {
        return log::error("a live session is not tracked: there are too many", {{"session", told.id}});
    }
    auto& numbers = numbers_[peer];
    const auto [place, added] = numbers.try_emplace(told.number, last_ + 1);
    if (!added) return;
    tidy(told);
    entries_.emplace(++last_, Entry{.peer = peer,
                                    .told = std::move(told),
                                    .principal = std::move(principal),
                                    .process = process,
                                    .counted_at = monotonic_now()});
}

void LiveSessions::move(std::uint64_t peer, const LiveTraffic& traffic, std::int64_t now) {
    const auto found = find(peer, traffic.number);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    const std::uint64_t before = entry.bytes_in + entry.bytes_out;
    const std::uint64_t more = traffic.bytes_in + traffic.bytes_out - before;
    // The first total is that of all its life, which may be long: over a new connection, all is told anew.
    const std::int64_t time = before == 0 ? unix_now() - entry.told.since : now - entry.counted_at;
    entry.rate = more * 1000 / static_cast<std::uint64_t>(std::max<std::int64_t>(time, 1));
    entry.bytes_in = traffic.bytes_in;
    entry.bytes_out = traffic.bytes_out;
    entry.counted_at = now;
}

LiveSessions::Entries::iterator LiveSessions::find(std::uint64_t peer, std::uint64_t number) {
    const auto numbers = numbers_.find(peer);
    if (numbers == numbers_.end()) return entries_.end();
    const auto sequence = numbers->second.find(number);
    return sequence == numbers->second.end() ? entries_.end() : entries_.find(sequence->second);
}

void LiveSessions::forget(std::uint64_t peer) {
    const std::lock_guard lock(mutex_);
    const auto numbers = numbers_.find(peer);
    if (numbers == numbers_.end()) return;
    for (const auto& [number, sequence] : numbers->second) entries_.erase(sequence);
    numbers_.erase(numbers);
}

std::size_t LiveSessions::size() {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

SessionsPage LiveSessions::list(std::uint64_t after, const std::optional<LiveChoice>& choice) {
    const std::lock_guard lock(mutex_);
    SessionsPage page;
    for (auto entry = entries_.upper_bound(after); entry != entries_.end(); ++entry) {
        if (choice && !is_chosen(entry->second, *choice)) continue;
        page.more = page.records.size() == max_live_records;
        if (page.more) break;
        page.records.push_back(record_of(entry->first, entry->second));
    }
    return page;
}

// `picks` marks what is to end as ending, and adds its number under its peer.
template <class Picks>
std::size_t LiveSessions::end_those(const Picks& picks, LiveEnd why) {
    std::map<std::uint64_t, std::vector<std::uint64_t>> orders;
    Tell tell;
    {
        const std::lock_guard lock(mutex_);
        tell = tell_;
        picks([&](Entry& entry) {
            if (entry.ending) return;
            entry.ending = why;
            orders[entry.peer].push_back(entry.told.number);
        });
    }
    std::size_t count = 0;
    for (const auto& [peer, numbers] : orders) {
        for (std::size_t at = 0; at < numbers.size(); at += max_live_numbers) {
            const auto first = numbers.begin() + static_cast<std::ptrdiff_t>(at);
            const std::size_t size = std::min(max_live_numbers, numbers.size() - at);
            const LiveOrder order{why, {first, first + static_cast<std::ptrdiff_t>(size)}};
            if (tell && tell(peer, order)) count += size;
        }
    }
    return count;
}

std::size_t LiveSessions::end(const LiveChoice& choice, LiveEnd why) {
    return end_those(
        [&](const auto& pick) {
            for (auto& [sequence, entry] : entries_) {
                if (is_chosen(entry, choice)) pick(entry);
            }
        },
        why);
}

std::size_t LiveSessions::end(const std::vector<std::uint64_t>& sequences, LiveEnd why) {
    return end_those(
        [&](const auto& pick) {
            for (const std::uint64_t sequence : sequences) {
                const auto found = entries_.find(sequence);
                if (found != entries_.end()) pick(found->second);
            }
        },
        why);
}

std::vector<LiveSessions::Subject> LiveSessions::subjects() {
    const std::lock_guard lock(mutex_);
    std::vector<Subject> subjects;
    std::map<std::string, std::size_t> by_key;
    std::map<std::pair<std::size_t, std::string>, std::size_t> by_use;
    for (const auto& [sequence, entry] : entries_) {
        if (entry.ending) continue;
        const auto [key, first] = by_key.try_emplace(subject_name(entry.principal.key()), subjects.size());
        if (first) subjects.push_back({entry.principal, {}, {}});
        Subject& subject = subjects[key->second];
        subject.sessions.push_back(sequence);
        const auto service = parse_service(entry.told.service);
        auto repo = service ? RepoPath::parse(entry.told.repo) : client_error("a connection");
        if (!repo) continue;
        const Service asked = needs_write(*service) ? Service::receive_pack : Service::upload_pack;
        const std::string name = (needs_write(asked) ? "w " : "r ") + repo->folded();
        const auto [use, fresh] = by_use.try_emplace({key->second, name}, subject.uses.size());
        if (fresh) subject.uses.push_back({asked, std::move(*repo), {}});
        subject.uses[use->second].sessions.push_back(sequence);
    }
    return subjects;
}

}  // namespace gerve
