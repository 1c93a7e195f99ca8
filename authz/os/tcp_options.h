// What Gerve asks of the kernel for a TCP connection, at every end of one.
#pragma once

#include <chrono>

namespace gerve {

struct TcpOptions {
    // A connection on which nothing moves is asked whether its other end lives.
    std::chrono::seconds keepalive_after{60};
    std::chrono::seconds keepalive_every{15};
    int keepalive_count = 4;  // unanswered, and the other end is gone; counts only without a peer_timeout
    // A peer that acknowledges no byte for so long is gone, and so is one that lives and takes none; stands
    // in place of keepalive_count as well. 0: the kernel's own patience.
    std::chrono::milliseconds peer_timeout{0};
    // Bytes that wait in the kernel to be sent for the first time, at most; what is under way comes on top,
    // so that this slows nobody down. 0: as many as its buffer holds.
    int max_unsent = 0;
};

// On a listener, too: who connects there inherits them. What the kernel does not know is left out.
void set_tcp_options(int socket, const TcpOptions& options);

// SO_SNDBUF and SO_RCVBUF of any socket; the kernel doubles them.
void set_socket_buffers(int socket, int bytes);

}  // namespace gerve
