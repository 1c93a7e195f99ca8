// Key revocation lists, as an administrator imports them.
#include "authz/model/revocation_list.h"

#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto list = RevocationList::parse(fuzz::text_of(data, size));
    if (!list) {
        require(list.error().kind == ErrorKind::client, "a bad list is the giver's fault");
        fuzz::require_one_clean_line(list.error().told);
        return 0;
    }
    std::size_t entries = list->keys.size() + list->sha1_fingerprints;
    for (const RevocationList::Section& section : list->sections) {
        entries += section.serials.size() + section.key_ids.size();
        for (const auto& [first, last] : section.serials) require(first <= last, "a range is one");
    }
    require(entries <= RevocationList::max_entries, "entries are bounded");
    return 0;
}
