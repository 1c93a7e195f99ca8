// What sshd and the programs it starts demand of the system around them: owners, modes, accounts, sockets.
#pragma once

#include <string>

#include "gerve/cli/check_line.h"

namespace gerve {

// sshd's own demand on its AuthorizedKeysCommand: the program and each directory above it belong to root, and
// nobody else may write there.
[[nodiscard]] CheckLine check_program(const std::string& path);

// The program can be run by the user.
[[nodiscard]] CheckLine check_runnable(const std::string& path, const std::string& user);

// The user may connect to the unix socket: x on each directory, w on the socket.
[[nodiscard]] CheckLine check_socket(const std::string& path, const std::string& user);

// The account exists, is not locked (sshd asks where it does not use PAM), and has a shell and a home that
// sshd accepts.
[[nodiscard]] CheckLine check_git_account(const std::string& login, bool pam);

// The key by which authz seals handles and signs tickets: `owner`, the user that authz runs as, can read it;
// `other`, one of sshd's users, cannot.
[[nodiscard]] CheckLine check_ticket_key(const std::string& path, const std::string& owner);
[[nodiscard]] CheckLine check_hidden(const std::string& path, const std::string& other);

}  // namespace gerve
