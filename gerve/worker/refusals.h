// Refusals: what a worker reports to authz of clients that it refused, or that ended before they had logged
// in.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <string>
#include <string_view>

#include "authz/base/ration.h"
#include "gerve/relay/authz_link.h"

namespace gerve {

// authz writes them into the log and the trail, one process for all workers, so that a source's ration is
// one. The first of a reason and source are reported at once, the others each second by their number; what
// authz does not take is reported again. Memory is bounded.
class Refusals {
  public:
    Refusals(asio::io_context& loop, AuthzLink& authz);
    Refusals(const Refusals&) = delete;
    Refusals& operator=(const Refusals&) = delete;

    // `text` is for people; it may come from the client, as `login` may, the SSH user name that was tried.
    void note(const ClientContext& client, std::string_view reason, std::string_view text,
              std::string_view login = {});
    // Reports the numbers each second, for as long as the loop runs.
    asio::awaitable<void> run();
    // Reports what is left, and waits until authz has it, for a second at most.
    asio::awaitable<void> finish();

  private:
    void send_left_out(const std::vector<LeftOut>& left_out);
    void send_counts(const LeftOut::Reason& reason, RefusalReport report);
    void send(RefusalReport report);
    asio::awaitable<void> ask(RefusalReport report);

    asio::io_context& loop_;
    AuthzLink& authz_;
    Ration ration_;
    unsigned asked_ = 0;  // reports that authz has not taken yet
};

}  // namespace gerve
