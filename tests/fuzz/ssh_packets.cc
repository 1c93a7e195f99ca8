// Packets of an SSH client: requests to log in, and what it sends on its channels. The input is a row of
// messages, each with two bytes of length; the highest bit of a message's number says that it is one of ours.
#include <algorithm>

#include "gerve/ssh/auth_request.h"
#include "gerve/ssh/host_key_messages.h"
#include "gerve/ssh/packet_fields.h"
#include "gerve/ssh/traffic.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using namespace gerve::ssh;
using fuzz::require;

namespace {

void check_request(std::string_view payload) {
    const AuthRequest request = parse_auth_request(payload);
    require(request.key.has_value() == (request.refusal == Refusal::none), "a key or a refusal");
    require(request.refusal_text.empty() == (request.refusal == Refusal::none), "a refusal has a text");
    const bool by_security_key = request.key && request.key->is_security_key() && request.has_signature;
    require(request.use.has_value() >= by_security_key, "a security key says whether it was touched");
    fuzz::require_one_clean_line(request.refusal_text);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input = fuzz::text_of(data, size);
    Traffic traffic;
    while (input.size() >= 3) {
        const std::size_t wanted =
            static_cast<std::uint8_t>(input[0]) << 8 | static_cast<std::uint8_t>(input[1]);
        input.remove_prefix(2);
        const std::string_view whole = input.substr(0, std::max<std::size_t>(wanted, 1));
        input.remove_prefix(whole.size());
        const auto number = static_cast<std::uint8_t>(whole[0]);
        const std::string_view payload = whole.substr(1);
        const auto type = static_cast<std::uint8_t>(number & 0x7f);
        if (type == message::userauth_request) check_request(payload);
        if (type == message::global_request) {
            const auto keys = parse_proof_request(payload);
            require(!keys || (!keys->empty() && keys->size() <= 64), "some keys, and not many");
        }
        if ((number & 0x80) != 0) {
            traffic.send(type, payload);
        } else if (traffic.receive(type, payload) == Traffic::Verdict::serve) {
            require(type != message::channel_extended_data, "extended data is never served");
        }
    }
    require(!traffic.is_abuse(1 << 20), "no input is as long as that");
    return 0;
}
