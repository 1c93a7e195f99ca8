// PlainMessage: a message of plain text, read in place and without a tree. What every login asks has that
// form.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace gerve::wire {

// The members of one object, as views into the message.
class PlainObject {
  public:
    enum class Kind { text, number, flag };
    struct Member {
        std::string_view name;
        Kind kind = Kind::text;
        std::string_view text;
        std::uint64_t number = 0;  // of a flag: 0 or 1
    };
    static constexpr std::size_t max_members = 20;

    // Null: there is none. Of several the last, as the library has it.
    [[nodiscard]] const Member* find(std::string_view name) const;
    // False: it is full.
    [[nodiscard]] bool add(const Member& member);

  private:
    std::array<Member, max_members> members_;
    std::size_t count_ = 0;
};

// An object whose values are text in printable ASCII without escapes, unsigned whole numbers, true and false,
// in the shortest form, and at most one object of such values, which is called "client". Whatever else JSON
// allows does not parse here, and is the library's to read; what does parse means the same to both.
struct PlainMessage {
    PlainObject outer;
    PlainObject client;
    bool has_client = false;

    [[nodiscard]] bool parse(std::string_view message);
};

}  // namespace gerve::wire
