// SIGINT, SIGTERM and SIGHUP while a command changes something: they wait until that is done and on record.
#pragma once

namespace gerve {

// While one lives, the first of the signals is held, and ends the process when it goes; it interrupts what
// the command waits for itself. The next one, whichever it is, ends the process at once. A signal that is
// ignored (nohup) stays ignored. Not more than one at a time.
class HeldSignals {
  public:
    HeldSignals();
    ~HeldSignals();
    HeldSignals(const HeldSignals&) = delete;
    HeldSignals& operator=(const HeldSignals&) = delete;
};

// While one lives inside of the other, the signals do what they did before: a command that waits for input
// has changed nothing yet, and input that was cut short by a signal must not be taken for the whole.
class AwaitedInput {
  public:
    AwaitedInput();
    ~AwaitedInput();
    AwaitedInput(const AwaitedInput&) = delete;
    AwaitedInput& operator=(const AwaitedInput&) = delete;
};

}  // namespace gerve
