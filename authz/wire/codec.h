// Writes and reads values. A form (field.h) that is new to a type is one more Codec here; message_codec.h has
// those of messages.
#pragma once

#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "authz/base/result.h"
#include "authz/base/text.h"
#include "authz/model/ids.h"
#include "authz/model/public_key.h"
#include "authz/wire/field.h"
#include "authz/wire/value.h"
#include "authz/wire/writer.h"

namespace gerve::wire {

// Which field was the first to be missing or of the wrong form. Names are literals.
struct Wrong {
    std::string_view field;
    void note(std::string_view name) {
        if (field.empty()) field = name;
    }
};

// write() puts a value where one is due. read() gives nothing for a value of another type or form; of a
// message it notes the field.
template <class T, class Form>
struct Codec;

// The words of an enum; `parse_word(word, E*)` is found by its type.
template <class E>
concept Worded = requires(E value) {
    { word_of(value) } -> std::convertible_to<std::string_view>;
};
template <class T>
concept Parsed = requires(const T& value, std::string_view text) {
    { T::parse(text) } -> std::same_as<Result<T>>;
    { value.text() } -> std::convertible_to<std::string_view>;
};
template <class T>
concept Id = std::is_enum_v<T> && std::same_as<std::underlying_type_t<T>, std::int64_t>;
template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

template <std::size_t most>
struct Codec<std::string, Text<most>> {
    static void write(Writer& writer, const std::string& text) { writer.text(text, most); }
    static std::optional<std::string> read(const Value& value, Wrong&) {
        const auto text = value.text();
        if (!text || text->size() > most) return std::nullopt;
        return std::string(*text);
    }
};
template <std::size_t most>
struct Codec<std::string, Uncut<most>> : Codec<std::string, Text<most>> {
    static void write(Writer& writer, const std::string& text) { writer.text(text, text.size()); }
};
template <>
struct Codec<std::string, Usual> : Codec<std::string, Text<max_word>> {};

template <>
struct Codec<std::string, Base64> {
    static void write(Writer& writer, const std::string& bytes) {
        const std::string text = to_base64(bytes);
        writer.text(text, text.size());
    }
    static std::optional<std::string> read(const Value& value, Wrong&) {
        const auto text = value.text();
        return text ? from_base64(*text) : std::nullopt;
    }
};

template <>
struct Codec<PublicKey, Base64> {
    static void write(Writer& writer, const PublicKey& key) {
        Codec<std::string, Base64>::write(writer, key.blob());
    }
    static std::optional<PublicKey> read(const Value& value, Wrong& wrong) {
        const auto text = value.text();
        if (!text || text->size() > 2 * PublicKey::max_blob) return std::nullopt;
        const auto blob = Codec<std::string, Base64>::read(value, wrong);
        auto key = blob ? PublicKey::parse_blob(*blob) : client_error("");
        return key ? std::optional(std::move(*key)) : std::nullopt;
    }
};

// In a text, as its sender had it; what is received is put in one line.
template <std::size_t most>
struct Codec<std::string, JsonObject<most>> {
    static void write(Writer& writer, const std::string& object) {
        writer.text(object.size() > most ? "" : object, most);
    }
    static std::optional<std::string> read(const Value& value, Wrong&) {
        const auto text = value.text();
        if (!text || text->size() > most) return std::nullopt;
        return text->empty() ? std::string() : compact_object(*text);
    }
};

template <>
struct Codec<bool, Usual> {
    static void write(Writer& writer, bool value) { writer.flag(value); }
    static std::optional<bool> read(const Value& value, Wrong&) { return value.flag(); }
};

template <Number T>
struct Codec<T, Usual> {
    static void write(Writer& writer, T number) { writer.number(number); }
    static std::optional<T> read(const Value& value, Wrong&) {
        const auto number = value.number();
        if (!number || *number > static_cast<std::uint64_t>(std::numeric_limits<T>::max()))
            return std::nullopt;
        return static_cast<T>(*number);
    }
};

template <Id T>
struct Codec<T, Usual> {
    static void write(Writer& writer, T id) { writer.number(number_of(id)); }
    static std::optional<T> read(const Value& value, Wrong& wrong) {
        const auto number = Codec<std::int64_t, Usual>::read(value, wrong);
        return number ? std::optional(T{*number}) : std::nullopt;
    }
};

template <Worded T>
struct Codec<T, Usual> {
    static void write(Writer& writer, T value) { writer.text(word_of(value), max_word); }
    static std::optional<T> read(const Value& value, Wrong&) {
        const auto word = value.text();
        return word ? parse_word(*word, static_cast<T*>(nullptr)) : std::nullopt;
    }
};

template <Parsed T, std::size_t most>
struct Codec<T, Text<most>> {
    static void write(Writer& writer, const T& value) { writer.text(value.text(), most); }
    static std::optional<T> read(const Value& value, Wrong&) {
        const auto text = value.text();
        if (!text || text->size() > most) return std::nullopt;
        auto parsed = T::parse(*text);
        return parsed ? std::optional(std::move(*parsed)) : std::nullopt;
    }
};
template <Parsed T>
struct Codec<T, Usual> : Codec<T, Text<max_word>> {};

template <class T, std::size_t most, class Element>
struct Codec<std::vector<T>, Array<most, Element>> {
    static void write(Writer& writer, const std::vector<T>& values) {
        writer.begin('[');
        for (const T& value : values) Codec<T, Element>::write(writer, value);
        writer.end(']');
    }
    static std::optional<std::vector<T>> read(const Value& value, Wrong& wrong) {
        const auto size = value.elements();
        if (!size || *size > most) return std::nullopt;
        std::vector<T> values;
        values.reserve(*size);
        for (std::size_t i = 0; i < *size; ++i) {
            auto one = Codec<T, Element>::read(value.element(i), wrong);
            if (!one) return std::nullopt;
            values.push_back(std::move(*one));
        }
        return values;
    }
};

template <class T, std::size_t most, class Element>
struct Codec<std::vector<T>, FirstOf<most, Element>> : Codec<std::vector<T>, Array<most, Element>> {
    static void write(Writer& writer, const std::vector<T>& values) {
        writer.begin('[');
        for (std::size_t i = 0; i < values.size() && i < most; ++i)
            Codec<T, Element>::write(writer, values[i]);
        writer.end(']');
    }
};

}  // namespace gerve::wire
