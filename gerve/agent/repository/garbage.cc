#include "gerve/agent/repository/garbage.h"

#include <cstddef>
#include <filesystem>
#include <system_error>

namespace gerve {
namespace {

namespace fs = std::filesystem;

// git counts the objects of one directory of 256, and takes 27 there for 6,700 in all; and 50 packs.
constexpr std::size_t few_objects = 20;
constexpr std::size_t few_packs = 40;

// In doubt: yes.
bool has_more(const std::string& directory, const char* extension, std::size_t few) {
    std::size_t count = 0;
    std::error_code error;
    for (fs::directory_iterator next(directory, error), end; !error && next != end; next.increment(error)) {
        if (next->path().extension() == extension && ++count > few) return true;
    }
    return error && error != std::errc::no_such_file_or_directory;
}

}  // namespace

bool may_need_collection(const std::string& path) {
    return has_more(path + "/objects/17", "", few_objects) ||
           has_more(path + "/objects/pack", ".pack", few_packs);
}

Result<void> collect_garbage(const GitPlace& place) {
    auto done = ask_in(place, {"-c", "gc.autoDetach=true", "gc", "--auto", "--quiet"});
    if (!done) return pass_on(done);
    return {};
}

}  // namespace gerve
