#include "gerve/cli/trail_lines.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <thread>

#include "authz/audit/spool.h"
#include "authz/audit/verify.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::size_t lines_at_once = 1000;
constexpr std::chrono::milliseconds follow_interval{200};

void read_stream(std::istream& in, const TakeLine& take) {
    for (std::string line; std::getline(in, line);) take(line);
}

}  // namespace

const Config& audited(Site& site) {
    if (!site.config().audit.enabled)
        throw Stop{refused_status, "audit.enabled is false: there is no audit trail"};
    return site.config();
}

void read_trail_files(const std::vector<std::string>& files, const TakeLine& take) {
    for (const std::string& file : files) {
        if (file == "-") {
            read_stream(std::cin, take);
            continue;
        }
        std::ifstream in(file, std::ios::binary);
        if (!in) throw Stop{refused_status, errno_text("cannot read " + file)};
        read_stream(in, take);
    }
}

void read_own_trail(Site& site, bool follow, const TakeLine& take) {
    const std::string file = audited(site).audit_file();
    if (::access(file.c_str(), R_OK) != 0 && (errno != ENOENT || list_trail_files(file).empty()))
        throw Stop{refused_status, errno_text("cannot read " + file)};
    Spool spool(file, [](const std::string&) { return Result<std::uint64_t>(0); });
    bool waited = false;
    while (true) {
        const auto lines = need(spool.read(lines_at_once));
        for (const SpooledLine& line : lines) take(line.text);
        if (!lines.empty()) continue;
        const bool more = spool.bytes_left() > 0;
        if (!follow && (!more || waited)) return;
        std::fflush(stdout);
        std::this_thread::sleep_for(follow_interval);
        // Of a writer that was killed: one that lives would have noted it by now.
        if (!follow) spool.read_to_the_end();
        waited = true;
    }
}

Setter word_onto(std::vector<std::string>& list) {
    return [&list](const std::string& text) -> Result<void> {
        list.push_back(text);
        return {};
    };
}

}  // namespace gerve
