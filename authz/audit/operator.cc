#include "authz/audit/operator.h"

#include "authz/base/fd.h"
#include "authz/base/text.h"
#include "authz/os/system_user.h"

namespace gerve {

std::string login_of(pid_t process) {
    const auto text = read_file("/proc/" + std::to_string(process) + "/loginuid", 64);
    const auto user = text ? parse_decimal(trim(*text)) : std::nullopt;
    constexpr std::uint64_t nobody_logged_in = 0xffffffff;
    return user && *user != nobody_logged_in ? system_user_text(static_cast<uid_t>(*user)) : "";
}

}  // namespace gerve
