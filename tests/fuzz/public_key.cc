// Public keys: the wire format that an SSH client sends, the line of a .pub file, and fingerprints.
#include "authz/model/public_key.h"

#include "authz/model/public_key_file.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

namespace {

void check_key(const PublicKey& key) {
    const auto from_blob = PublicKey::parse_blob(key.blob());
    require(from_blob && *from_blob == key, "a key's blob is that key");
    const auto from_text = PublicKey::parse_line(key.text());
    require(from_text && *from_text == key && from_text->comment().empty(), "a key's text is that key");
    require(key.bits() >= 256, "no weak key");
    require(key.algorithm() != "ssh-rsa" || key.bits() >= 2048, "no short RSA key");
    require(key.algorithm().find("cert") == std::string::npos, "no certificate");
    fuzz::require_one_clean_line(key.text());
    require(key.comment().find_first_of("\r\n") == std::string::npos, "a comment is on the key's line");
    const auto fingerprint = Fingerprint::parse(key.fingerprint().text());
    require(fingerprint && *fingerprint == key.fingerprint(), "a fingerprint's text is that fingerprint");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzz::text_of(data, size);
    for (const auto& key : {PublicKey::parse_blob(input), PublicKey::parse_line(input)}) {
        if (key) {
            check_key(*key);
        } else {
            require(key.error().kind == ErrorKind::client, "a bad key is the client's fault");
            fuzz::require_one_clean_line(key.error().told);
        }
    }
    if (const auto keys = parse_key_file(input)) {
        require(!keys->empty(), "a file of keys holds one");
        for (const FiledKey& one : *keys) {
            check_key(one.key);
            require(one.line > 0 && one.line <= input.size(), "and it begins at a line");
        }
    } else {
        fuzz::require_one_clean_line(keys.error().told);
    }
    const auto fingerprint = Fingerprint::parse(input);
    require(!fingerprint || fingerprint->text() == input, "a fingerprint has one spelling");
    return 0;
}
