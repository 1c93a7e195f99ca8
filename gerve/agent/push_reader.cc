#include "gerve/agent/push_reader.h"

#include <algorithm>

#include "authz/base/display.h"
#include "authz/base/text.h"
#include "gerve/agent/last_words.h"

namespace gerve {
namespace {

constexpr std::string_view branches = "refs/heads/";

enum SideBand : char { data_band = 1, progress_band = 2, error_band = 3 };

// Takes the word up to the next space off the front.
std::string_view take_word(std::string_view& line) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    return word;
}

// For people: one line, whatever is in it.
std::string clean(std::string_view text) {
    const std::string line = displayed(utf8_prefix(text, RefChange::max_why));
    return std::string(utf8_prefix(line, RefChange::max_why));
}

std::string_view chomp(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    return line;
}

std::vector<std::string> branches_of(const std::vector<RefChange>& changes, bool deleted) {
    std::vector<std::string> names;
    for (const RefChange& change : changes) {
        if (change.ref.starts_with(branches) && is_no_object(change.new_id) == deleted)
            names.push_back(change.ref);
    }
    return names;
}

}  // namespace

// ---- the request

void PushReader::take_input(std::string_view bytes) {
    if (input_ == Input::over) return;
    const bool goes_on = requests_.take(
        bytes, [this](PktLines::Kind kind, std::string_view payload) { return take_request(kind, payload); });
    if (!goes_on) input_ = Input::over;
}

// False: what follows is the pack.
bool PushReader::take_request(PktLines::Kind kind, std::string_view payload) {
    if (kind != PktLines::Kind::data) {
        const bool options_follow = kind == PktLines::Kind::flush && has_options_ && input_ != Input::options;
        input_ = Input::options;
        return options_follow;
    }
    switch (input_) {
        case Input::options: ++options_; break;
        case Input::commands: take_command_line(payload); break;
        default: take_certificate_line(chomp(payload)); break;
    }
    return true;
}

// "OLD NEW REF" or "push-cert", and behind a zero byte what the client can do.
void PushReader::take_command_line(std::string_view line) {
    const std::size_t end = line.find('\0');
    if (end != std::string_view::npos) take_capabilities(chomp(line.substr(end + 1)));
    line = chomp(line.substr(0, end));
    if (line != "push-cert") return take_command(line);
    is_signed_ = true;
    input_ = Input::certificate_head;
}

// The commands stand between an empty line and the signature.
void PushReader::take_certificate_line(std::string_view line) {
    if (line == "push-cert-end") {
        input_ = Input::commands;
    } else if (line.empty() && input_ == Input::certificate_head) {
        input_ = Input::certificate_commands;
    } else if (line.starts_with("-----BEGIN ")) {
        input_ = Input::certificate_end;
    } else if (input_ == Input::certificate_commands) {
        take_command(line);
    }
}

void PushReader::take_command(std::string_view line) {
    const std::string_view old_id = take_word(line);
    const std::string_view new_id = take_word(line);
    const bool good = is_object_id(old_id) && is_object_id(new_id) && old_id.size() == new_id.size();
    if (!good || line.empty()) return;  // "shallow ID", or nothing that git takes
    line = line.substr(0, RefChange::max_ref);
    if (changes_.size() == max_ref_changes || names_ + line.size() > max_ref_names) {
        ++unnamed_;
        return;
    }
    names_ += line.size();
    RefChange change;
    change.ref = line;
    change.old_id = old_id;
    change.new_id = new_id;
    changes_.push_back(std::move(change));
}

void PushReader::take_capabilities(std::string_view capabilities) {
    for (const std::string_view word : split(capabilities, ' ')) {
        if (word == "side-band-64k") has_side_band_ = true;
        if (word == "push-options") has_options_ = true;
    }
}

// ---- the answer

void PushReader::take_output(std::string_view bytes) {
    if (output_ == Output::over) return;
    const bool goes_on = answers_.take(
        bytes, [this](PktLines::Kind kind, std::string_view payload) { return take_answer(kind, payload); });
    if (!goes_on) output_ = Output::over;
}

bool PushReader::take_answer(PktLines::Kind kind, std::string_view payload) {
    if (output_ == Output::advertisement) {
        if (kind == PktLines::Kind::data) return true;
        output_ = Output::report;
        answers_.show(65'520);
        return true;
    }
    if (!has_side_band_) return take_report_packet(kind, payload);
    if (kind != PktLines::Kind::data || payload.empty()) return false;
    const char band = payload.front();
    payload.remove_prefix(1);
    if (band == error_band || band == progress_band) keep_last_words(last_words_, payload);
    if (band != data_band) return true;
    return report_.take(payload, [this](PktLines::Kind inner, std::string_view line) {
        return take_report_packet(inner, line);
    });
}

bool PushReader::take_report_packet(PktLines::Kind kind, std::string_view payload) {
    if (kind != PktLines::Kind::data) return false;
    take_report_line(chomp(payload));
    return true;
}

void PushReader::take_report_line(std::string_view line) {
    const std::string_view word = take_word(line);
    if (word == "unpack" && line != "ok") unpack_error_ = clean(line);
    if (word == "ok" || word == "ng") take_status(line, word == "ok");
    if (word == "option") take_option(line);
}

// git reports on the commands in their order, all of them.
void PushReader::take_status(std::string_view ref_and_why, bool ok) {
    const auto is_it = [&](const RefChange& change) {
        const bool cut = change.ref.size() == RefChange::max_ref;
        return ref_and_why.starts_with(change.ref) &&
               (cut || ref_and_why.size() == change.ref.size() || ref_and_why[change.ref.size()] == ' ');
    };
    const auto from = changes_.begin() + static_cast<std::ptrdiff_t>(reported_);
    const auto found = std::find_if(from, changes_.end(), is_it);
    last_.reset();
    if (found == changes_.end()) {
        ++(ok ? unnamed_taken_ : unnamed_refused_);
        return;
    }
    last_ = static_cast<std::size_t>(found - changes_.begin());
    reported_ = *last_ + 1;
    found->outcome = ok ? RefOutcome::taken : RefOutcome::refused;
    if (ok) return;
    const std::size_t space = ref_and_why.find(' ', std::min(found->ref.size(), ref_and_why.size()));
    std::string_view why;
    if (space != std::string_view::npos) why = ref_and_why.substr(space + 1);
    found->why = clean(why);
    if (why == "unpacker error" && !unpack_error_.empty())
        found->why = clean("unpacker error: " + unpack_error_);
}

// With report-status-v2, what a proc-receive hook made of the command before.
void PushReader::take_option(std::string_view option) {
    if (!last_) return;
    RefChange& change = changes_[*last_];
    const std::string_view name = take_word(option);
    if (name == "refname" && !option.empty()) change.ref = option.substr(0, RefChange::max_ref);
    if (name == "old-oid" && is_object_id(option)) change.old_id = option;
    if (name == "new-oid" && is_object_id(option)) change.new_id = option;
}

// ---- what was read

PushFacts PushReader::facts(const std::vector<RefChange>& changes) const {
    PushFacts facts;
    facts.options = options_;
    facts.is_signed = is_signed_;
    for (const RefChange& change : changes) {
        switch (change.outcome) {
            case RefOutcome::taken: ++facts.taken; break;
            case RefOutcome::refused: ++facts.refused; break;
            case RefOutcome::unknown: ++facts.unknown; break;
        }
    }
    const std::uint32_t reported = std::min(unnamed_, unnamed_taken_ + unnamed_refused_);
    facts.taken += std::min(unnamed_, unnamed_taken_);
    facts.refused += reported - std::min(reported, unnamed_taken_);
    facts.unknown += unnamed_ - reported;
    return facts;
}

std::vector<std::string> PushReader::updated_branches() const {
    return branches_of(changes_, false);
}

std::vector<std::string> PushReader::deleted_branches() const {
    return branches_of(changes_, true);
}

}  // namespace gerve
