#include "gerve/agent/admission/handshakes.h"

namespace gerve {

bool Handshakes::enter(const std::string& source, HandshakeBounds bounds) {
    if (source.empty()) return true;
    const std::lock_guard lock(mutex_);
    const auto known = sources_.find(source);
    const bool trusted = known != sources_.end() && known->second.trusted;
    const unsigned places = known != sources_.end() ? known->second.places : 0;
    if (places >= bounds.per_source && !trusted) return false;
    if (places >= bounds.in_all || (!trusted && strangers_ >= bounds.in_all)) return false;
    ++sources_[source].places;
    if (!trusted) ++strangers_;
    return true;
}

void Handshakes::leave(const std::string& source) {
    if (source.empty()) return;
    const std::lock_guard lock(mutex_);
    const auto known = sources_.find(source);
    if (known == sources_.end() || known->second.places == 0) return;
    --known->second.places;
    if (known->second.trusted) return;
    --strangers_;
    if (known->second.places == 0) sources_.erase(known);
}

void Handshakes::trust(const std::string& source) {
    if (source.empty()) return;
    const std::lock_guard lock(mutex_);
    Source& known = sources_[source];
    if (known.trusted) return;
    if (trusted_ >= max_trusted) {
        if (known.places == 0) sources_.erase(source);
        return;
    }
    known.trusted = true;
    ++trusted_;
    strangers_ -= known.places;
}

}  // namespace gerve
