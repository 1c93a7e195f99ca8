#include "gerve/relay/address_book.h"

#include <algorithm>
#include <asio/ip/tcp.hpp>

namespace gerve {
namespace {

using asio::ip::tcp;
using std::chrono::steady_clock;

constexpr std::chrono::seconds fresh_for{30};
constexpr std::chrono::seconds trouble_for{
    1};  // a name that was just not found is not asked for at once again

// Names come from the directory, which is ours; a bound all the same.
constexpr std::size_t max_entries = 4096;

}  // namespace

std::shared_ptr<AddressBook::Entry> AddressBook::entry_of(const std::string& host) {
    if (entries_.size() >= max_entries) {
        std::erase_if(entries_, [](const auto& entry) { return !entry.second->asking; });
    }
    auto& entry = entries_[host];
    if (entry == nullptr) entry = std::make_shared<Entry>();
    return entry;
}

void AddressBook::look_up(const std::string& host, const std::shared_ptr<Entry>& entry) {
    entry->asking = true;
    const auto resolver = std::make_shared<tcp::resolver>(loop_);
    resolver->async_resolve(host, "",
                            [resolver, entry](asio::error_code failed, tcp::resolver::results_type found) {
                                entry->asking = false;
                                entry->asked = steady_clock::now();
                                entry->trouble = failed ? failed.message() : "no address";
                                if (!failed && !found.empty()) {
                                    entry->known.clear();
                                    for (const auto& each : found)
                                        entry->known.push_back(each.endpoint().address());
                                }
                                for (News* waiting : entry->waiting) waiting->notify();
                            });
}

asio::awaitable<Result<AddressBook::Addresses>> AddressBook::find(std::string host, Deadline deadline) {
    asio::error_code not_literal;
    const auto literal = asio::ip::make_address(host, not_literal);
    if (!not_literal) co_return Addresses{literal};
    const auto entry = entry_of(host);
    const auto age = steady_clock::now() - entry->asked;
    const auto lasts = entry->known.empty() ? trouble_for : fresh_for;
    const bool ask = !entry->asking && age > lasts;
    if (ask) look_up(host, entry);
    if (entry->known.empty() && entry->asking) {
        News answered(loop_.get_executor());
        entry->waiting.push_back(&answered);
        const bool in_time = co_await answered.wait(deadline);
        std::erase(entry->waiting, &answered);
        if (!in_time) co_return unavailable(host + ": the resolver does not answer");
    }
    if (entry->known.empty()) co_return unavailable(host + ": " + entry->trouble);
    co_return entry->known;
}

}  // namespace gerve
