// What the fuzz targets share: the one function each defines, and a check that ends the program when it
// fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// Called by libFuzzer, or by run_seeds.cc, with one input; returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace gerve::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

// Ends the program when a property does not hold; both fuzzer and tests take that as a failure.
inline void require(bool holds, const char* property) {
    if (holds) return;
    std::fprintf(stderr, "property broken: %s\n", property);
    std::abort();
}

// What is told to a client or an administrator moves no cursor and is one line, or nothing.
inline void require_one_clean_line(std::string_view told) {
    if (told.ends_with('\n')) told.remove_suffix(1);
    for (const char c : told) {
        require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f,
                "no control character is told to anybody");
    }
}

}  // namespace gerve::fuzz
