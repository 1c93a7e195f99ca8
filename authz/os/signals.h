// Signals read from a descriptor, one at a time, in place of handlers that interrupt.
#pragma once

#include <initializer_list>

#include "authz/base/fd.h"

namespace gerve {

// A signalfd of these. Call it before the first thread is started: the calling thread and those that it
// starts receive them only through it. Error: internal.
[[nodiscard]] Result<Fd> take_signals(std::initializer_list<int> numbers);

// The number of a signal that has arrived, each only once; 0: none has. Does not wait.
[[nodiscard]] int next_signal(const Fd& signals);

}  // namespace gerve
