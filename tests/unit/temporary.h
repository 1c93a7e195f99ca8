// A directory that lives as long as its object.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace gerve {

struct TemporaryDirectory {
    TemporaryDirectory() {
        char name[] = "/tmp/gerve-unit-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    std::string path;
};

}  // namespace gerve
