// What is printed of a key, by every command that prints one.
#pragma once

#include <string>

#include "authz/store/records.h"
#include "gerve/cli/output.h"

namespace gerve {

class Site;

[[nodiscard]] std::string kind_of(const KeyRecord& key);  // "user", or "deploy" and what it may do
[[nodiscard]] Json key_json(const KeyRecord& key);

// `gerve key show`: whose it is and what it was used for, what runs by it now, and all that it reaches.
int show_key(Site& site, const Fingerprint& fingerprint, bool json);

}  // namespace gerve
