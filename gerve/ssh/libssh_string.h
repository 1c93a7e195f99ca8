// LibsshString: bytes as libssh takes them, owned.
#pragma once

#include <libssh/libssh.h>

#include <memory>
#include <string_view>

namespace gerve::ssh {

struct FreeLibsshString {
    void operator()(ssh_string_struct* string) const { ssh_string_free(string); }
};
using LibsshString = std::unique_ptr<ssh_string_struct, FreeLibsshString>;

// Null: no memory.
[[nodiscard]] inline LibsshString make_libssh_string(std::string_view bytes) {
    LibsshString string(ssh_string_new(bytes.size()));
    if (string && ssh_string_fill(string.get(), bytes.data(), bytes.size()) != 0) string.reset();
    return string;
}

}  // namespace gerve::ssh
