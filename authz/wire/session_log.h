// How the log tells of an operation that ended, whichever process writes the line.
#pragma once

#include <vector>

#include "authz/base/log.h"
#include "authz/wire/reports.h"

namespace gerve {

// Adds what is told of every operation behind who did it: "service=… repo=… exit=0 ended=exit refs_taken=1".
void add_operation(std::vector<log::Field>& fields, const SessionReport& report);

}  // namespace gerve
