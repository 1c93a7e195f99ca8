#include "authz/model/public_key_file.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view rfc4716_begin = "---- BEGIN SSH2 PUBLIC KEY ----";
constexpr std::string_view rfc4716_end = "---- END SSH2 PUBLIC KEY ----";

tl::unexpected<Error> bad_line(std::size_t line, const std::string& why) {
    return client_error("line " + std::to_string(line) + ": " + why);
}

bool has(std::string_view text, std::string_view words) {
    return text.find(words) != std::string_view::npos;
}

void append_utf8(std::string& out, char32_t point) {
    if (point < 0x80) {
        out += static_cast<char>(point);
        return;
    }
    const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    constexpr unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
    out += static_cast<char>(lead[more] | point >> (6 * more));
    for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80 | (point >> (6 * i) & 0x3f));
}

// RFC 2781. Half a pair becomes U+FFFD.
std::string from_utf16(std::string_view bytes, bool little) {
    const auto unit_at = [&](std::size_t at) -> char32_t {
        const auto a = static_cast<unsigned char>(bytes[at]);
        const auto b = static_cast<unsigned char>(bytes[at + 1]);
        return static_cast<char32_t>(little ? a | b << 8 : a << 8 | b);
    };
    std::string out;
    for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
        char32_t point = unit_at(at);
        if (point >= 0xd800 && point < 0xe000) {
            const char32_t low = at + 3 < bytes.size() ? unit_at(at + 2) : 0;
            const bool pair = point < 0xdc00 && low >= 0xdc00 && low < 0xe000;
            if (pair) at += 2;
            point = pair ? 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
        }
        append_utf8(out, point);
    }
    return out;
}

// What an editor or a shell of Windows made of it, as plain bytes.
std::string decoded(std::string_view content) {
    if (content.starts_with("\xef\xbb\xbf")) return std::string(content.substr(3));
    if (content.starts_with("\xff\xfe")) return from_utf16(content.substr(2), true);
    if (content.starts_with("\xfe\xff")) return from_utf16(content.substr(2), false);
    // Without a mark: every key begins with ASCII.
    if (content.size() > 1 && content[1] == '\0' && content[0] != '\0') return from_utf16(content, true);
    if (content.size() > 1 && content[0] == '\0' && content[1] != '\0') return from_utf16(content, false);
    return std::string(content);
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of("\r\n"), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end);
        text.remove_prefix(text.starts_with("\r\n") ? 2 : text.empty() ? 0 : 1);
    }
    return lines;
}

bool is_base64(std::string_view word) {
    return !word.empty() && word.find_first_not_of(
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789+/=") == std::string_view::npos;
}

std::string_view first_word(std::string_view line) {
    return line.substr(0, line.find_first_of(blanks));
}

// The key type that stands behind something else, as behind options of authorized_keys.
std::string_view type_within(std::string_view line) {
    for (auto at = line.find(" AAAA"); at != std::string_view::npos; at = line.find(" AAAA", at + 1)) {
        const std::string_view before = trim(line.substr(0, at));
        const auto blank = before.find_last_of(blanks);
        if (blank != std::string_view::npos && is_key_type(before.substr(blank + 1)))
            return before.substr(blank + 1);
    }
    return {};
}

// Why a line is no key, in the words of whoever has such a file; `next`: the line behind it.
std::string explain(std::string_view line, std::string_view next, const Error& error) {
    const std::string_view word = first_word(line);
    if (is_key_type(word)) {
        if (is_base64(first_word(trim(next))) && first_word(trim(next)).size() > 16)
            return "the key is split over several lines: join them into one";
        return describe(error);
    }
    if (const auto type = type_within(line); !type.empty()) {
        return "authorized_keys options are not accepted: delete everything before " + printable(type, 64) +
               " (`gerve key add --help` lists the options of Gerve)";
    }
    const auto blob = is_base64(word) ? from_base64(word) : std::nullopt;
    if (const auto key = blob ? PublicKey::parse_blob(*blob) : client_error("no key"); key)
        return "the key's type is missing: write " + key->algorithm() + " and a space before it";
    if (line.starts_with("-----BEGIN RSA PUBLIC KEY-----")) {
        return "this is a public key in PEM: convert it with `ssh-keygen -i -m PEM -f FILE`";
    }
    if (line.starts_with("-----BEGIN PUBLIC KEY-----")) {
        return "this is a public key in PEM: convert it with `ssh-keygen -i -m PKCS8 -f FILE`";
    }
    return "not a public key: the form is TYPE BASE64 [COMMENT], as in an id_ed25519.pub file";
}

class KeyFile {
  public:
    explicit KeyFile(std::string_view text) : lines_(lines_of(text)) {}

    Result<std::vector<FiledKey>> parse() {
        while (at_ < lines_.size()) {
            const std::string_view line = trim(lines_[at_]);
            const std::size_t number = ++at_;
            if (line.empty() || line.front() == '#') continue;
            auto key = line == rfc4716_begin ? take_block(number) : take_line(line, number);
            if (!key) return pass_on(key);
            keys_.push_back({std::move(*key), number});
        }
        if (keys_.empty()) return client_error("no public key found");
        return std::move(keys_);
    }

  private:
    Result<PublicKey> take_line(std::string_view line, std::size_t number) const {
        auto key = PublicKey::parse_line(line);
        if (key) return key;
        return bad_line(number, explain(line, at_ < lines_.size() ? lines_[at_] : "", key.error()));
    }

    // RFC 4716, section 3: headers, of which a comment is kept, and base64 in lines, up to the END line.
    Result<PublicKey> take_block(std::size_t begin) {
        std::string comment;
        std::string encoded;
        for (;; ++at_) {
            if (at_ == lines_.size())
                return bad_line(begin, "the key has no END line: part of it is missing");
            std::string line(trim(lines_[at_]));
            if (line == rfc4716_end) break;
            if (line.find(':') == std::string::npos) {
                encoded += line;
                continue;
            }
            while (line.ends_with('\\') && at_ + 1 < lines_.size()) {
                line.pop_back();
                line += trim(lines_[++at_]);
            }
            if (fold_case(line).starts_with("comment:")) comment = comment_in(line);
        }
        ++at_;
        const auto blob = from_base64(encoded);
        if (!blob) return bad_line(begin, "the key between BEGIN and END is damaged");
        const auto key = PublicKey::parse_blob(*blob);
        if (!key) return bad_line(begin, describe(key.error()));
        return PublicKey::parse_line(key->text() + " " + comment);
    }

    static std::string comment_in(std::string_view header) {
        std::string_view value = trim(header.substr(header.find(':') + 1));
        if (value.size() > 1 && value.starts_with('"') && value.ends_with('"'))
            value = value.substr(1, value.size() - 2);
        return std::string(value);
    }

    std::vector<std::string_view> lines_;
    std::size_t at_ = 0;  // the next line
    std::vector<FiledKey> keys_;
};

}  // namespace

bool is_key_type(std::string_view word) {
    return word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-") || word.starts_with("sk-");
}

bool is_private_key(std::string_view content) {
    const std::string text = decoded(content);
    return has(text, "PRIVATE KEY-----") || has(text, "PRIVATE KEY ----") ||
           trim(text).starts_with("PuTTY-User-Key-File-");
}

Result<std::vector<FiledKey>> parse_key_file(std::string_view content) {
    if (is_private_key(content)) {
        return client_error(
            "this is a private key: give the .pub file (and if somebody else sent you this file, the key is "
            "no longer secret)");
    }
    const std::string text = decoded(content);
    // A program that writes strings as C has them.
    const std::string_view words = std::string_view(text).substr(0, text.find_last_not_of('\0') + 1);
    if (words.find('\0') != std::string_view::npos)
        return client_error("this is not a text file: give the .pub file");
    return KeyFile(words).parse();
}

}  // namespace gerve
