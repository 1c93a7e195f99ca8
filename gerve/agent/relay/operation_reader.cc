#include "gerve/agent/relay/operation_reader.h"

#include "gerve/agent/protocol/last_words.h"

namespace gerve {

Watchers OperationReader::watchers() {
    Watchers watchers;
    const auto self = shared_from_this();
    watchers.errors = [self](std::string_view bytes) { keep_last_words(self->errors_, bytes); };
    if (service_ == Service::receive_pack) {
        watchers.input = [self](std::string_view bytes) { self->push_.take_input(bytes); };
        watchers.output = [self](std::string_view bytes) { self->push_.take_output(bytes); };
    } else if (service_ == Service::upload_pack) {
        watchers.input = [self](std::string_view bytes) { self->fetch_.take_input(bytes); };
    }
    return watchers;
}

std::string OperationReader::last_words() const {
    return last_lines(push_.last_words() + "\n" + errors_);
}

}  // namespace gerve
