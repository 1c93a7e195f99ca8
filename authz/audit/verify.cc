#include "authz/audit/verify.h"

#include <algorithm>

#include "authz/base/text.h"

namespace gerve {
namespace {

std::string numbers(std::uint64_t first, std::uint64_t last) {
    const std::string from = std::to_string(first);
    return first == last ? "event " + from + " is missing"
                         : "events " + from + " to " + std::to_string(last) + " are missing";
}

bool is_mac(const std::string& text) {
    const auto bytes = from_hex(text);
    return bytes && bytes->size() == 32;
}

}  // namespace

std::string format_anchor(const TrailHead& head) {
    return head.chain + ":" + std::to_string(head.seq) + ":" + head.mac;
}

Result<TrailHead> parse_anchor(std::string_view text) {
    const auto parts = split(text, ':');
    const auto seq = parts.size() == 3 ? parse_decimal(parts[1]) : std::nullopt;
    if (!seq || parts[0].size() != 32 || !is_mac(std::string(parts[2])))
        return client_error("not an anchor: the form is CHAIN:SEQ:MAC, as `gerve audit anchor` prints it");
    return TrailHead{std::string(parts[0]), *seq, std::string(parts[2])};
}

void TrailVerifier::begin_file(const std::string& name) {
    settle_torn(std::nullopt);
    file_ = name;
    line_ = 0;
}

void TrailVerifier::take_line(std::string_view line, bool complete) {
    ++line_;
    ++place_;
    const auto event = complete ? parse_line(line) : std::nullopt;
    if (event) return take_event(*event, line);
    if (torn_.empty()) {
        torn_line_ = line_;
        torn_place_ = place_;
    }
    torn_ += line;
    if (complete) torn_ += '\n';
    torn_complete_ = complete;
}

// What is no line is excused by the line behind it, if that says so.
void TrailVerifier::settle_torn(const std::optional<ParsedNote>& note) {
    if (torn_.empty()) return;
    const std::string torn = std::exchange(torn_, {});
    if (note) {
        for (const std::size_t size : {torn.size(), torn.size() - 1}) {
            if (size == note->torn_bytes &&
                to_hex(sha256(std::string_view(torn).substr(0, size))) == note->torn_sha256)
                return;
        }
    }
    problems_.push_back({file_, torn_line_,
                         torn_complete_
                             ? "this is not a line of the trail: it was altered or inserted"
                             : "the last line is incomplete: it is still being written, or was cut short",
                         torn_place_});
}

void TrailVerifier::take_event(const TrailLine& event, std::string_view line) {
    const auto note = parse_note(line);
    settle_torn(note);
    ++lines_;
    if (event.head.chain != at_.chain && !take_chain(event, note)) return;
    check_anchors(event);
    check_number(event);
}

// The state between two lines:
// - at_: the last event, with the mac that stands in its line; at first, the position before the chain.
// - expected_mac_: the mac that this event should have. The two differ after an altered line. The next line
//   may match either, so that each alteration is reported once.
// - mac_unknown_: nothing links the next line to those before it (the beginning is cut off, or events are
//   missing), so its mac is not checked; checking resumes with the line after it.

// The first line of all, or of another trail.
bool TrailVerifier::take_chain(const TrailLine& event, const std::optional<ParsedNote>& note) {
    const bool begins = note && note->what == "begins" && event.head.seq == 1;
    const bool continues = note && note->what == "continues";
    settle_chain();
    // Under the key of this chain, so nobody without it has written where the other one ended.
    const bool follows = begins && note->before == at_;
    if (!at_.chain.empty()) {
        if (!follows)
            problem(begins ? "another trail begins here: nothing links it to the lines before"
                           : "this line belongs to another trail");
        last_of_[at_.chain] = at_;
        if (!begins && last_of_.contains(event.head.chain)) return false;
    }
    // The very first event needs no note to be held against the mac in front of it.
    const bool is_first = event.head.seq == 1;
    const bool cut = !is_first && !continues;
    if (cut && at_.chain.empty())
        problem("the beginning is cut off: the trail starts at event " + std::to_string(event.head.seq));
    if (at_.chain.empty()) {
        first_seq_ = event.head.seq;
        if (continues) meet_anchors(note->before);
    }
    at_ = {event.head.chain, event.head.seq - 1, ""};
    mac_unknown_ = cut;
    at_.mac = expected_mac_ = is_first ? first_mac() : continues ? note->before.mac : "";
    return true;
}

// Behind the last event of a chain. One that does not fit was altered; of several of which none fits the key
// is another, as far as can be told.
void TrailVerifier::settle_chain() {
    auto compared = std::exchange(compared_, {});
    if (compared.fitting == 0 && compared.misfits.size() > 1) {
        TrailProblem& all = compared.misfits.front();
        all.text = "events " + std::to_string(compared.first) + " to " + std::to_string(at_.seq) +
                   " of chain " + at_.chain +
                   " are not verified: none of them matches this key, so another key was used, or all of "
                   "them were altered";
        compared.misfits.resize(1);
    }
    problems_.insert(problems_.end(), compared.misfits.begin(), compared.misfits.end());
}

void TrailVerifier::check_number(const TrailLine& event) {
    const std::uint64_t seq = event.head.seq;
    if (seq <= at_.seq) {
        const bool moved = fill_gap(seq);
        return problem("event " + std::to_string(seq) + " comes after event " + std::to_string(at_.seq) +
                       (moved ? ": moved" : ": a copy, or out of order"));
    }
    if (seq > at_.seq + 1) {
        gaps_.push_back({at_.seq + 1, seq - 1, {file_, line_, "", place_}});
        mac_unknown_ = true;
    }
    if (mac_unknown_) {
        expected_mac_ = event.head.mac;
    } else {
        const std::string by_text = key_.mac(at_.mac, event.body);
        const std::string by_right = expected_mac_ == at_.mac ? by_text : key_.mac(expected_mac_, event.body);
        const bool fits = event.head.mac == by_text || event.head.mac == by_right;
        if (compared_.fitting == 0 && compared_.misfits.empty()) compared_.first = seq;
        if (fits) ++compared_.fitting;
        if (!fits)
            compared_.misfits.push_back(
                {file_, line_, "event " + std::to_string(seq) + " was altered", place_});
        expected_mac_ = fits ? event.head.mac : by_right;
    }
    mac_unknown_ = false;
    at_ = event.head;
}

// Whether the number was missing; then it no longer is.
bool TrailVerifier::fill_gap(std::uint64_t seq) {
    for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
        if (seq < gap->first || seq > gap->last) continue;
        const Gap whole = *gap;
        gap = gaps_.erase(gap);
        if (seq < whole.last) gap = gaps_.insert(gap, {seq + 1, whole.last, whole.where});
        if (seq > whole.first) gaps_.insert(gap, {whole.first, seq - 1, whole.where});
        return true;
    }
    return false;
}

// The end of a file that is gone may be an anchor itself: what carries the trail on vouches for it.
void TrailVerifier::meet_anchors(const TrailHead& head) {
    for (std::size_t i = 0; i < anchors_.size(); ++i) {
        if (anchors_[i] == head) met_[i] = true;
    }
}

void TrailVerifier::check_anchors(const TrailLine& event) {
    for (std::size_t i = 0; i < anchors_.size(); ++i) {
        if (anchors_[i].chain != event.head.chain || anchors_[i].seq != event.head.seq) continue;
        met_[i] = true;
        if (anchors_[i].mac != event.head.mac)
            problem("event " + std::to_string(event.head.seq) + " is not the event that was anchored");
    }
}

void TrailVerifier::finish_anchors() {
    for (std::size_t i = 0; i < anchors_.size(); ++i) {
        if (met_[i]) continue;
        const auto& anchor = anchors_[i];
        const bool here = anchor.chain == at_.chain || last_of_.contains(anchor.chain);
        const std::uint64_t end = anchor.chain == at_.chain ? at_.seq : here ? last_of_[anchor.chain].seq : 0;
        const std::string wanted = "event " + std::to_string(anchor.seq);
        if (!here) {
            problem("the anchored trail " + anchor.chain + " is not in these files");
        } else if (end < anchor.seq) {
            problem("cut off: the trail ends at event " + std::to_string(end) + ", but the anchor is " +
                    wanted);
        } else {
            problem("the anchored " + wanted + " is not in these files");
        }
    }
}

std::vector<TrailProblem> TrailVerifier::finish(const std::optional<TrailHead>& noted) {
    settle_torn(std::nullopt);
    settle_chain();
    for (Gap& gap : gaps_) {
        gap.where.text = numbers(gap.first, gap.last) + " before this line";
        problems_.push_back(gap.where);
    }
    gaps_.clear();
    std::stable_sort(problems_.begin(), problems_.end(),
                     [](const auto& a, const auto& b) { return a.place < b.place; });
    finish_anchors();
    if (noted && noted->chain == at_.chain && noted->seq > at_.seq) {
        problem("cut off: the trail ends at event " + std::to_string(at_.seq) + ", but event " +
                std::to_string(noted->seq) + " was written");
    } else if (noted && noted->chain != at_.chain) {
        problem("the trail written last, " + noted->chain + ", is missing at the end of these files");
    }
    return std::exchange(problems_, {});
}

void verify_stream(TrailVerifier& verifier, const std::string& name, std::istream& in) {
    verifier.begin_file(name);
    for (std::string line; std::getline(in, line);) verifier.take_line(line, !in.eof());
}

}  // namespace gerve
