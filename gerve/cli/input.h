// What a command is given to read: a file, or standard input.
#pragma once

#include <string>

#include "authz/model/certificate.h"

namespace gerve {

// "-" is standard input. Stops, naming the remedy, at what is no regular file, cannot be read, or has more
// than `most` bytes.
[[nodiscard]] std::string read_input(const std::string& file, std::size_t most);

// What messages call it.
[[nodiscard]] std::string input_name(const std::string& file);

// Of a -cert.pub file. Stops besides at what is no certificate.
[[nodiscard]] Certificate read_certificate(const std::string& file);

}  // namespace gerve
