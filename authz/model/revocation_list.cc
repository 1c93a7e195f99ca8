#include "authz/model/revocation_list.h"

#include <limits>
#include <optional>

#include "authz/base/ssh_fields.h"

namespace gerve {
namespace {

constexpr std::string_view list_magic{"SSHKRL\n\0", 8};
constexpr std::uint32_t list_format = 1;

// Of a section of the list, and of a part of one about certificates.
enum SectionKind : std::uint8_t {
    of_certificates = 1,
    of_keys = 2,
    of_sha1 = 3,
    of_signature = 4,
    of_sha256 = 5,
};
enum PartKind : std::uint8_t {
    serial_list = 0x20,
    serial_range = 0x21,
    serial_bitmap = 0x22,
    key_ids = 0x23
};

tl::unexpected<Error> malformed_list() {
    return client_error("the key revocation list is malformed");
}
tl::unexpected<Error> unknown_part() {
    return client_error("the key revocation list has a section of an unknown type");
}

class ListParser {
  public:
    // `bytes`: behind the magic.
    explicit ListParser(std::string_view bytes) : fields_(bytes) {}

    Result<RevocationList> parse() {
        if (fields_.number() != list_format)
            return client_error("the key revocation list has an unknown format");
        for (int i = 0; i < 3; ++i) (void)fields_.long_number();  // version, time of making, flags
        (void)fields_.string();                                   // reserved
        if (!fields_.string()) return malformed_list();           // comment
        while (fields_.left() > 0) {
            if (auto taken = take_section(); !taken) return pass_on(taken);
        }
        return std::move(list_);
    }

  private:
    Result<void> take_section() {
        const auto kind = fields_.byte();
        const auto data = fields_.string();
        if (!data) return malformed_list();
        switch (*kind) {
            case of_certificates: return take_certificates(*data);
            case of_keys:
                return take_strings(*data, [this](std::string_view blob) { return take_key(blob); });
            case of_sha1:
                return take_strings(*data, [this](std::string_view) {
                    ++list_.sha1_fingerprints;
                    return true;
                });
            case of_sha256:
                return take_strings(*data, [this](std::string_view hash) { return take_hash(hash); });
            case of_signature: return fields_.string() ? Result<void>() : malformed_list();
            default: return unknown_part();
        }
    }

    // False of `take`: malformed.
    template <class Take>
    Result<void> take_strings(std::string_view bytes, Take take) {
        FieldReader strings(bytes);
        while (strings.left() > 0) {
            const auto one = strings.string();
            if (!one || !take(*one)) return malformed_list();
            if (auto fits = count(); !fits) return fits;
        }
        return {};
    }
    bool take_key(std::string_view blob) {
        list_.keys.push_back(Fingerprint::of_blob(blob));
        return true;
    }
    bool take_hash(std::string_view hash) {
        auto fingerprint = Fingerprint::parse_bytes(hash);
        if (fingerprint) list_.keys.push_back(std::move(*fingerprint));
        return fingerprint.has_value();
    }

    Result<void> take_certificates(std::string_view bytes) {
        FieldReader parts(bytes);
        const auto authority = parts.string();
        if (!authority || !parts.string()) return malformed_list();
        RevocationList::Section section{std::string(*authority), {}, {}};
        while (parts.left() > 0) {
            const auto kind = parts.byte();
            const auto data = parts.string();
            if (!data) return malformed_list();
            if (auto taken = take_part(section, *kind, *data); !taken) return taken;
        }
        list_.sections.push_back(std::move(section));
        return {};
    }

    Result<void> take_part(RevocationList::Section& section, std::uint8_t kind, std::string_view data) {
        switch (kind) {
            case serial_list: return take_serial_list(section, data);
            case serial_range: return take_serial_range(section, data);
            case serial_bitmap: return take_serial_bitmap(section, data);
            case key_ids:
                return take_strings(data, [&](std::string_view id) {
                    section.key_ids.emplace_back(id);
                    return true;
                });
            default: return unknown_part();
        }
    }

    Result<void> take_serial_list(RevocationList::Section& section, std::string_view data) {
        FieldReader serials(data);
        while (serials.left() > 0) {
            const auto serial = serials.long_number();
            if (!serial) return malformed_list();
            if (auto added = add(section, *serial, *serial); !added) return added;
        }
        return {};
    }

    Result<void> take_serial_range(RevocationList::Section& section, std::string_view data) {
        FieldReader range(data);
        const auto first = range.long_number();
        const auto last = range.long_number();
        if (!first || !last || !range.at_end() || *last < *first) return malformed_list();
        return add(section, *first, *last);
    }

    // An mpint: bit N stands for the serial `offset` + N.
    Result<void> take_serial_bitmap(RevocationList::Section& section, std::string_view data) {
        FieldReader bitmap(data);
        const auto offset = bitmap.long_number();
        const auto bits = bitmap.string();
        if (!bits || !bitmap.at_end() || (!bits->empty() && static_cast<std::uint8_t>(bits->front()) > 0x7f))
            return malformed_list();
        for (std::size_t bit = 0; bit < bits->size() * 8; ++bit) {
            const auto byte = static_cast<std::uint8_t>((*bits)[bits->size() - 1 - bit / 8]);
            if ((byte >> bit % 8 & 1) == 0) continue;
            if (bit > std::numeric_limits<std::uint64_t>::max() - *offset) return malformed_list();
            if (auto added = add(section, *offset + bit, *offset + bit); !added) return added;
        }
        return {};
    }

    Result<void> add(RevocationList::Section& section, std::uint64_t first, std::uint64_t last) {
        if (!section.serials.empty() && section.serials.back().last + 1 == first && first != 0) {
            section.serials.back().last = last;
            return {};
        }
        section.serials.push_back({first, last});
        return count();
    }

    Result<void> count() {
        if (++entries_ <= RevocationList::max_entries) return {};
        return client_error("the key revocation list has more than " +
                            std::to_string(RevocationList::max_entries) + " entries");
    }

    FieldReader fields_;
    RevocationList list_;
    std::size_t entries_ = 0;
};

}  // namespace

Result<RevocationList> RevocationList::parse(std::string_view bytes) {
    if (bytes.size() > max_bytes) return client_error("the key revocation list is larger than 16 MiB");
    if (!bytes.starts_with(list_magic))
        return client_error("not a key revocation list in binary form: `ssh-keygen -k -f FILE` makes one");
    return ListParser(bytes.substr(list_magic.size())).parse();
}

}  // namespace gerve
