// Files of public keys as people have them: .pub files, authorized_keys, what PuTTYgen and Windows write.
#pragma once

#include <string_view>
#include <vector>

#include "authz/model/public_key.h"

namespace gerve {

struct FiledKey {
    PublicKey key;
    std::size_t line;  // from 1: where it begins
};

// One key a line ("TYPE BASE64 [COMMENT]"), or between the lines of RFC 4716. Empty lines and those that
// begin with
// '#' are passed over; lines may end as on Unix, Windows or old Macs; a byte order mark and UTF-16 (of
// PowerShell's
// `>`) are read. At least one key. Errors: client: which line, what is wrong with it and what to do. All of
// the file has to be good, and nothing of it is repeated but a key's type.
[[nodiscard]] Result<std::vector<FiledKey>> parse_key_file(std::string_view content);

// Whether the word stands where a line of such a file names the type of its key, of a type that may be
// unknown.
[[nodiscard]] bool is_key_type(std::string_view word);

// Whether it holds a private key in one of the known forms: nothing of it may be shown or kept.
[[nodiscard]] bool is_private_key(std::string_view content);

}  // namespace gerve
