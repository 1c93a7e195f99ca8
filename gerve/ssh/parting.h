// The last words of a connection: they reach the client even if it is still sending.
#pragma once

#include <asio/posix/stream_descriptor.hpp>
#include <string>

namespace gerve::ssh {

// Sends `rest`, closes the sending side, and discards what comes until the client has closed its own: closing
// at once with bytes unread would reset the connection, and the client might never see what was sent last. It
// takes a second at most, and only a few hundred connections part so at a time; others are closed at once.
void part_with(asio::posix::stream_descriptor socket, std::string rest);

}  // namespace gerve::ssh
