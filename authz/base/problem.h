// One thing wrong with a configuration file, with the place and the remedy, as it is shown to an
// administrator.
#pragma once

#include <string>

namespace gerve {

// Where something stands in a file; line 0: in none.
struct TextPlace {
    unsigned line = 0;    // from 1
    unsigned column = 0;  // from 1, in characters
};

struct ConfigProblem {
    std::string file;
    unsigned line = 0;    // from 1; 0: no place
    unsigned column = 0;  // from 1, in characters
    std::string text;     // what is wrong, and the remedy; one line
    std::string source;   // the line itself, for the caret; may be empty
    [[nodiscard]] std::string format()
        const;  // "FILE:LINE:COLUMN: TEXT", the source line, a caret; no newline
};

}  // namespace gerve
