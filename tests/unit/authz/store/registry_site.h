// A directory for tests of Registry: users Alice and bob, the organisation acme, and the private Alice/site.
#pragma once

#include "authz/store/registry.h"
#include "tests/unit/authz/store/fixture.h"

namespace gerve::testing {

struct RegistrySite : Store {
    Registry registry_{registry()};
    Registry* operator->() { return &registry_; }
    RegistrySite() {
        must(registry_.add_account(login("Alice"), AccountKind::user));
        must(registry_.add_account(login("bob"), AccountKind::user));
        must(registry_.add_account(login("acme"), AccountKind::organization));
        must(registry_.create_repository(repo("alice/site"), false));
    }
};

inline const ServerName fs1 = *ServerName::parse("fs1");
inline const ServerName fs2 = *ServerName::parse("fs2");

inline bool says(const std::string& text, std::string_view part) {
    const bool found = text.find(part) != std::string::npos;
    if (!found) MESSAGE(text);
    return found;
}

}  // namespace gerve::testing
