// ServerIdentity: host keys, version banner and algorithms that every SSH connection of a worker starts with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "authz/base/result.h"
#include "authz/config.h"

struct ssh_bind_struct;

namespace gerve::ssh {

// Of the libssh that is linked in, as "0.10.6".
[[nodiscard]] std::string library_version();

class ServerIdentity {
  public:
    // Loads the host keys. Errors: internal, naming the file or the option. Refuses a libssh older than
    // 0.10.6.
    [[nodiscard]] static Result<ServerIdentity> load(const SshConfig& config,
                                                     const std::vector<std::string>& host_keys);

    [[nodiscard]] ssh_bind_struct* bind() const { return bind_.get(); }

  private:
    struct Free {
        void operator()(ssh_bind_struct* bind) const;
    };
    explicit ServerIdentity(ssh_bind_struct* bind) : bind_(bind) {}
    std::unique_ptr<ssh_bind_struct, Free> bind_;
};

}  // namespace gerve::ssh
