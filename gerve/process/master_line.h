// What a child of the master hears over its control socket (the master's end: gerve/master/child.h).
#pragma once

#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <string_view>

namespace gerve {

// Hands each message to `hear` until the master closes its end or dies; then it returns. `control` is a
// non-blocking SOCK_SEQPACKET socket and outlives the call, as does what `hear` refers to. What the master
// said before the call is heard before the caller's loop runs anything else.
asio::awaitable<void> hear_master(asio::posix::stream_descriptor& control,
                                  std::function<void(std::string_view)> hear);

}  // namespace gerve
