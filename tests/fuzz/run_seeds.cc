// Runs a fuzz target over its seeds without a fuzzer, so that any compiler's build repeats what fuzzing
// found. Each seed is run as it is, cut short at every place, and with each byte changed in turn.
#include <dirent.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

constexpr std::size_t most_places = 256;  // keeps the slowest target, under sanitizers, to seconds

std::vector<std::string> files_in(const std::string& directory) {
    std::vector<std::string> paths;
    DIR* opened = ::opendir(directory.c_str());
    if (opened == nullptr) return paths;
    while (const dirent* entry = ::readdir(opened)) {
        if (entry->d_name[0] != '.') paths.push_back(directory + "/" + entry->d_name);
    }
    ::closedir(opened);
    std::sort(paths.begin(), paths.end());
    return paths;
}

// The copy has exactly the input's size, so that AddressSanitizer sees a read behind it.
void run(const std::string& input) {
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void run_with_variations(const std::string& seed) {
    run(seed);
    const std::size_t stride = 1 + seed.size() / most_places;
    for (std::size_t i = 0; i < seed.size(); i += stride) {
        run(seed.substr(0, i));
        for (const char c : {'\0', '\xff', '\'', '\n', '/', static_cast<char>(seed[i] ^ 0x20)}) {
            std::string changed = seed;
            changed[i] = c;
            run(changed);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t seeds = 0;
    for (int i = 1; i < argc; ++i) {
        for (const std::string& path : files_in(argv[i])) {
            std::cerr << path << std::endl;  // the last one named is the one that failed
            std::ifstream file(path, std::ios::binary);
            run_with_variations({std::istreambuf_iterator<char>(file), {}});
            ++seeds;
        }
    }
    std::cout << seeds << " seeds" << std::endl;
    return seeds > 0 ? 0 : 1;
}
