// A message lists its fields once, in the order of its members: what each is called on the wire, and in which
// form its value is written and read. `fields()` of a struct, or Fields of one that belongs to the model.
#pragma once

#include <cstddef>
#include <string_view>
#include <tuple>

namespace gerve::wire {

// Bytes of a text that names something: a login, an address, an SSH version string.
constexpr std::size_t max_word = 255;
constexpr std::size_t max_handle = 1024;

// Forms. A value has the usual one of its type unless its field says otherwise.
struct Usual {};
template <std::size_t most>  // bytes: what is longer is cut when it is written, and refused when it is read
struct Text {};
template <std::size_t most>  // bytes: what is longer is refused when it is read
struct Uncut {};
struct Base64 {};
template <std::size_t most>                         // bytes
struct JsonObject {};                               // in a text
template <std::size_t most, class Element = Usual>  // elements: more are refused when they are read
struct Array {};
template <std::size_t most, class Element = Usual>  // likewise, and no more are written
struct FirstOf {};
struct Row {};     // a message as the array of its values
struct Inline {};  // its fields stand among those of the message around it

using HandleText = Uncut<max_handle>;

template <class Message, class Value, class Form>
struct Field {
    std::string_view name;
    Value Message::*member;
    bool omissible = false;  // not written when empty or false, and read as that when it is missing
};

template <class Form = Usual, class Message, class Value>
[[nodiscard]] constexpr Field<Message, Value, Form> field(std::string_view name, Value Message::*member) {
    return {name, member};
}
template <class Form = Usual, class Message, class Value>
[[nodiscard]] constexpr Field<Message, Value, Form> omissible(std::string_view name, Value Message::*member) {
    return {name, member, true};
}

// For structs of the model, which know nothing of messages.
template <class Model>
struct Fields;

template <class T>
concept OwnMessage = requires {
    T::fields();
};
template <class T>
concept ModelMessage = requires {
    Fields<T>::list();
};
template <class T>
concept Message = OwnMessage<T> || ModelMessage<T>;

template <Message T>
[[nodiscard]] constexpr auto fields_of() {
    if constexpr (OwnMessage<T>)
        return T::fields();
    else
        return Fields<T>::list();
}

// The name of a field whose value does not go with the others; empty: there is none.
template <Message T>
[[nodiscard]] std::string_view misfit_of(const T& message) {
    if constexpr (requires { message.misfit(); })
        return message.misfit();
    else if constexpr (requires { Fields<T>::misfit(message); })
        return Fields<T>::misfit(message);
    else
        return {};
}

}  // namespace gerve::wire
