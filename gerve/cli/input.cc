#include "gerve/cli/input.h"

#include <sys/stat.h>

#include <cstdio>

#include "authz/base/fd.h"
#include "authz/base/units.h"
#include "gerve/cli/command.h"
#include "gerve/cli/held_signals.h"

namespace gerve {
namespace {

constexpr std::size_t most_certificate_bytes = 64 * 1024;

}  // namespace

std::string read_input(const std::string& file, std::size_t most) {
    struct stat status {};
    if (file != "-" && ::stat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
        throw Stop{refused_status, file + ": not a regular file: use - for standard input"};
    if (file != "-") return need(read_file(file, most));
    std::string text;
    const AwaitedInput awaited;
    char piece[64 * 1024];
    for (std::size_t size = 0; (size = std::fread(piece, 1, sizeof piece, stdin)) > 0;) {
        text.append(piece, size);
        if (text.size() > most) throw Stop{refused_status, "standard input: larger than " + size_text(most)};
    }
    if (std::ferror(stdin) != 0) throw Stop{refused_status, errno_text("standard input")};
    return text;
}

std::string input_name(const std::string& file) {
    return file == "-" ? "standard input" : file;
}

Certificate read_certificate(const std::string& file) {
    auto certificate = Certificate::parse_line(read_input(file, most_certificate_bytes));
    if (!certificate) throw Stop{refused_status, input_name(file) + ": " + describe(certificate.error())};
    return std::move(*certificate);
}

}  // namespace gerve
