// AddressBook: the addresses behind host names, looked up without keeping the event loop waiting.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "authz/base/result.h"
#include "gerve/loop/event.h"

namespace gerve {

// What is known serves for half a minute; after that it still serves while the resolver is asked again, and
// for as long as the resolver has no answer. So a name server that is away costs only names that are new. All
// lookups of one event loop share Asio's one resolver thread.
class AddressBook {
  public:
    using Addresses = std::vector<asio::ip::address>;

    explicit AddressBook(asio::io_context& loop) : loop_(loop) {}

    // At least one, in the resolver's order. A literal address is its own. Error: unavailable; also when
    // `deadline` came first.
    asio::awaitable<Result<Addresses>> find(std::string host, Deadline deadline);

  private:
    struct Entry {
        Addresses known;
        std::string trouble;  // of the last lookup
        std::chrono::steady_clock::time_point asked;
        bool asking = false;
        std::vector<News*> waiting;
    };
    std::shared_ptr<Entry> entry_of(const std::string& host);
    void look_up(const std::string& host, const std::shared_ptr<Entry>& entry);

    asio::io_context& loop_;
    std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace gerve
