// Writes and reads messages by the fields they list (field.h).
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "authz/wire/codec.h"

namespace gerve::wire {

template <class T>
[[nodiscard]] bool is_left_out(const T& value) {
    if constexpr (requires { value.has_value(); })
        return !value.has_value();
    else if constexpr (requires { value.empty(); })
        return value.empty();
    else if constexpr (std::same_as<T, bool>)
        return !value;
    else
        return false;
}

template <class T>
struct InlineCodec;

template <class M, class T, class Form>
void write_field(Writer& writer, const M& message, const Field<M, T, Form>& field) {
    const T& value = message.*field.member;
    if constexpr (std::same_as<Form, Inline>) {
        InlineCodec<T>::write(writer, value);
    } else {
        constexpr bool optional = requires {
            value.has_value();
        };
        if ((optional || field.omissible) && is_left_out(value)) return;
        writer.name(field.name);
        if constexpr (optional)
            Codec<typename T::value_type, Form>::write(writer, *value);
        else
            Codec<T, Form>::write(writer, value);
    }
}

template <class M, class T, class Form>
[[nodiscard]] std::optional<T> read_field(const Value& object, const Field<M, T, Form>& field, Wrong& wrong) {
    if constexpr (std::same_as<Form, Inline>) {
        return InlineCodec<T>::read(object, wrong);
    } else {
        const Value value = object.member(field.name);
        constexpr bool optional = requires(const T& one) {
            one.has_value();
        };
        if constexpr (optional) {
            if (!value.exists()) return std::optional<T>(std::in_place);
            auto read = Codec<typename T::value_type, Form>::read(value, wrong);
            if (read) return std::optional<T>(std::in_place, std::move(*read));
        } else {
            if constexpr (std::default_initializable<T>) {
                if (field.omissible && !value.exists()) return T();
            }
            if (auto read = Codec<T, Form>::read(value, wrong)) return read;
        }
        wrong.note(field.name);
        return std::nullopt;
    }
}

template <Message M>
void write_fields(Writer& writer, const M& message) {
    std::apply([&](const auto&... field) { (write_field(writer, message, field), ...); }, fields_of<M>());
}

// Becomes whatever a member is made of, to count the members.
struct Anything {
    template <class T>
    operator T() const;  // NOLINT: implicit is the point
};
template <class M, class... Part>
concept MadeOf = requires {
    M{Part()...};
};
template <class M, class... Part>
constexpr bool lists_all_members(const std::tuple<Part...>* /*fields*/) {
    return MadeOf<M, std::conditional_t<true, Anything, Part>...> &&
           !MadeOf<M, Anything, std::conditional_t<true, Anything, Part>...>;
}

// All fields are read, in order, and the first that is wrong is noted.
template <Message M>
[[nodiscard]] std::optional<M> read_fields(const Value& object, Wrong& wrong) {
    static_assert(lists_all_members<M>(static_cast<decltype(fields_of<M>())*>(nullptr)),
                  "fields() names each member");
    const auto read = [&](const auto&... field) -> std::optional<M> {
        auto values = std::tuple{read_field(object, field, wrong)...};
        const auto make = [&](auto&... value) -> std::optional<M> {
            if (!(value.has_value() && ...)) return std::nullopt;
            return M{std::move(*value)...};
        };
        return std::apply(make, values);
    };
    auto message = std::apply(read, fields_of<M>());
    const std::string_view misfit = message ? misfit_of(*message) : std::string_view();
    if (misfit.empty()) return message;
    wrong.note(misfit);
    return std::nullopt;
}

template <Message M>
struct Codec<M, Usual> {
    static void write(Writer& writer, const M& message) {
        writer.begin('{');
        write_fields(writer, message);
        writer.end('}');
    }
    static std::optional<M> read(const Value& value, Wrong& wrong) {
        return value.is_object() ? read_fields<M>(value, wrong) : std::nullopt;
    }
};

template <Message M>
struct InlineCodec<M> {
    static void write(Writer& writer, const M& message) { write_fields(writer, message); }
    static std::optional<M> read(const Value& object, Wrong& wrong) { return read_fields<M>(object, wrong); }
};

// The array of its values, of one type all.
template <Message M>
struct Codec<M, Row> {
    static void write(Writer& writer, const M& message) {
        writer.begin('[');
        const auto put = [&](const auto& field) {
            Codec<std::uint64_t, Usual>::write(writer, message.*field.member);
        };
        std::apply([&](const auto&... field) { (put(field), ...); }, fields_of<M>());
        writer.end(']');
    }
    static std::optional<M> read(const Value& value, Wrong& wrong) {
        constexpr std::size_t width = std::tuple_size_v<decltype(fields_of<M>())>;
        if (value.elements() != width) return std::nullopt;
        return read_row(value, wrong, std::make_index_sequence<width>());
    }

  private:
    template <std::size_t... at>
    static std::optional<M> read_row(const Value& value, Wrong& wrong, std::index_sequence<at...>) {
        const std::array numbers{Codec<std::uint64_t, Usual>::read(value.element(at), wrong)...};
        if (!(numbers[at].has_value() && ...)) return std::nullopt;
        return M{*numbers[at]...};
    }
};

// One message of several: told apart by what it `is`, or by the field that comes first in it.
template <Message... M>
struct Codec<std::variant<M...>, Usual> {
    using Choice = std::variant<M...>;

    static void write(Writer& writer, const Choice& choice) {
        writer.begin('{');
        std::visit([&](const auto& message) { write_one(writer, message); }, choice);
        writer.end('}');
    }
    static std::optional<Choice> read(const Value& value, Wrong& wrong) {
        std::optional<Choice> found;
        (void)(read_one<M>(value, wrong, found) || ...);
        return found;
    }

  private:
    template <class T>
    static void write_one(Writer& writer, const T& message) {
        if constexpr (requires { T::is; }) {
            writer.name("is");
            writer.text(T::is, max_word);
        }
        write_fields(writer, message);
    }
    template <class T>
    static bool is_one(const Value& value) {
        if constexpr (requires { T::is; })
            return value.member("is").text() == T::is;
        else
            return value.member(std::get<0>(fields_of<T>()).name).exists();
    }
    template <class T>
    static bool read_one(const Value& value, Wrong& wrong, std::optional<Choice>& found) {
        if (!is_one<T>(value)) return false;
        if (auto message = read_fields<T>(value, wrong)) found = std::move(*message);
        return true;
    }
};

}  // namespace gerve::wire
