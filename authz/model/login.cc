#include "authz/model/login.h"

#include "authz/base/text.h"
#include "authz/model/name_rules.h"

namespace gerve {

Login::Login(std::string_view text) : text_(text), folded_(fold_case(text)) {}

Result<Login> Login::parse(std::string_view text) {
    if (!is_valid_name(text, 64) || text.front() == '.') {
        return client_error("'" + printable(text, 80) +
                            "' is not a login: 1 to 64 letters, digits, '.', '_' or '-', starting with a "
                            "letter, digit or '_', not ending in .git or .lock");
    }
    return Login(text);
}

}  // namespace gerve
