#include "gerve/agent/protocol/push_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "authz/base/display.h"
#include "authz/base/text.h"
#include "gerve/agent/protocol/last_words.h"

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

// SHA-1 or SHA-256; git reads capitals, too.
bool is_hex_id(std::string_view word) {
    return is_object_id(fold_case(word));
}

// Where the last signature of a certificate begins; its size: there is none. As parse_signed_buffer() of git.
std::size_t find_signature(std::string_view certificate) {
    constexpr std::array<std::string_view, 4> openings{
        "-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----", "-----BEGIN SIGNED MESSAGE-----",
        "-----BEGIN SSH SIGNATURE-----"};
    std::size_t found = certificate.size();
    for (std::size_t at = 0; at < certificate.size();) {
        const std::string_view rest = certificate.substr(at);
        if (std::any_of(openings.begin(), openings.end(),
                        [&](std::string_view opening) { return rest.starts_with(opening); }))
            found = at;
        const std::size_t end = rest.find('\n');
        at = end == std::string_view::npos ? certificate.size() : at + end + 1;
    }
    return found;
}

std::string_view chomp(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    return line;
}

std::vector<std::string> branches_of(const std::vector<RefChange>& changes, bool deleted) {
    std::vector<std::string> names;
    for (const RefChange& change : changes) {
        if (names.size() == PushReader::max_branches) break;
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
        take_certificate();
        const bool options_follow = kind == PktLines::Kind::flush && has_options_ && input_ != Input::options;
        input_ = Input::options;
        return options_follow;
    }
    switch (input_) {
        case Input::options: ++options_; break;
        case Input::certificate: take_certificate_packet(payload); break;
        default: take_command_line(payload); break;
    }
    return true;
}

// "OLD NEW REF" or "push-cert", and behind a zero byte what the client can do.
void PushReader::take_command_line(std::string_view line) {
    line = chomp(line);
    const std::size_t end = line.find('\0');
    if (end != std::string_view::npos) take_capabilities(line.substr(end + 1));
    line = line.substr(0, end);
    if (line != "push-cert") return take_command(line);
    input_ = Input::certificate;
}

// git puts the packets of a certificate together before it looks for lines in them.
void PushReader::take_certificate_packet(std::string_view payload) {
    payload = payload.substr(0, payload.find('\0'));
    if (payload == "push-cert-end\n") {
        input_ = Input::commands;
    } else if (certificate_.size() + payload.size() <= max_certificate) {
        certificate_ += payload;
    } else {
        ++unread_;
    }
}

// As queue_commands_from_cert() of git does it: the commands stand between the first empty line and the last
// signature.
void PushReader::take_certificate() {
    constexpr std::string_view head_end = "\n\n";
    const std::string certificate = std::exchange(certificate_, {});
    const std::size_t head = certificate.find(head_end);
    if (head == std::string::npos) return;
    const std::size_t signature = find_signature(certificate);
    is_signed_ = is_signed_ || signature < certificate.size();
    const std::size_t begin = head + head_end.size();
    if (signature <= begin) return;
    for (const std::string_view line :
         split(chomp(std::string_view(certificate).substr(begin, signature - begin)), '\n'))
        take_command(line);
}

void PushReader::take_command(std::string_view line) {
    const std::string_view old_id = take_word(line);
    const std::string_view new_id = take_word(line);
    const bool good = is_hex_id(old_id) && is_hex_id(new_id) && old_id.size() == new_id.size();
    if (!good || line.empty()) return;  // "shallow ID", or nothing that git takes
    line = line.substr(0, RefChange::max_ref);
    if (changes_.size() == max_ref_changes || names_ + line.size() > max_ref_names) {
        ++unnamed_;
        return note_unnamed(line, fold_case(old_id));
    }
    names_ += line.size();
    RefChange change;
    change.ref = line;
    change.old_id = fold_case(old_id);
    change.new_id = fold_case(new_id);
    changes_.push_back(std::move(change));
}

// Looked up at the end: a client need not wait for the advertisement.
void PushReader::note_unnamed(std::string_view ref, std::string old_id) {
    unnamed_bytes_ += ref.size() + old_id.size();
    if (unnamed_bytes_ <= max_unnamed) unnamed_commands_.emplace_back(ref, std::move(old_id));
}

std::vector<std::string> PushReader::unnamed_objects() const {
    std::vector<std::string> objects;
    if (unnamed_commands_.empty()) return objects;
    const auto id_of = advertised_.ids();
    for (const auto& [ref, old_id] : unnamed_commands_) {
        const auto advertised = id_of.find(ref);
        if (!is_no_object(old_id)) objects.push_back(old_id);
        if (advertised != id_of.end() && advertised->second != old_id)
            objects.emplace_back(advertised->second);
    }
    return objects;
}

// As parse_feature_request() of git does it.
void PushReader::take_capabilities(std::string_view capabilities) {
    capabilities = capabilities.substr(0, capabilities.find('\0'));
    const auto has = [&](std::string_view name) {
        constexpr std::string_view space = " \t\n\v\f\r";
        for (auto at = capabilities.find(name); at != std::string_view::npos;
             at = capabilities.find(name, at + 1)) {
            const std::string_view behind = capabilities.substr(at + name.size());
            const bool begins = at == 0 || space.find(capabilities[at - 1]) != std::string_view::npos;
            const bool ends = behind.empty() || behind.front() == '=' ||
                              space.find(behind.front()) != std::string_view::npos;
            if (begins && ends) return true;
        }
        return false;
    };
    has_side_band_ = has_side_band_ || has("side-band-64k");
    has_options_ = has_options_ || has("push-options");
}

// ---- the answer

void PushReader::take_output(std::string_view bytes) {
    if (output_ == Output::over) return;
    const bool goes_on = answers_.take(
        bytes, [this](PktLines::Kind kind, std::string_view payload) { return take_answer(kind, payload); });
    if (!goes_on) output_ = Output::over;
}

void PushReader::compare_with_advertisement(std::vector<RefChange>& changes) const {
    const auto doubtful = [](const RefChange& change) {
        return change.settled || (is_no_object(change.new_id) && is_no_object(change.old_id));
    };
    if (output_ == Output::advertisement || !advertised_.is_whole()) return;
    if (std::none_of(changes.begin(), changes.end(), doubtful)) return;
    const auto id_of = advertised_.ids();
    for (RefChange& change : changes) {
        if (change.outcome != RefOutcome::taken) continue;
        const auto advertised = id_of.find(change.ref);
        const bool is_there = advertised != id_of.end();
        const bool names_object = !is_no_object(change.old_id);
        if (is_no_object(change.new_id)) {
            if (is_there && !names_object) change.old_id = advertised->second;
            if (!is_there && names_object && change.settled) change.outcome = RefOutcome::unknown;
        } else if (is_there && change.settled && change.old_id != change.new_id &&
                   change.new_id == advertised->second) {
            change.outcome = RefOutcome::refused;
        }
    }
}

bool PushReader::take_answer(PktLines::Kind kind, std::string_view payload) {
    if (output_ == Output::advertisement) {
        if (kind == PktLines::Kind::data) {
            advertised_.add(chomp(payload.substr(0, payload.find('\0'))));
        } else {
            output_ = Output::report;
            answers_.show(65'520);
        }
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

// git reports on the commands in their order, all of them. The status of one that a proc-receive hook took as
// several refs comes again for each of them.
void PushReader::take_status(std::string_view ref_and_why, bool ok) {
    if (last_ && asked_ == ref_and_why && ok && changes_.size() < max_ref_changes) {
        RefChange again = changes_[*last_];
        again.ref = asked_;
        again.forced = Forced::no;
        changes_.insert(changes_.begin() + static_cast<std::ptrdiff_t>(*last_) + 1, std::move(again));
        ++*last_;
        ++reported_;
        return;
    }
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
    asked_ = found->ref;
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
    if (name == "refname" && !option.empty()) {
        option = option.substr(0, RefChange::max_ref);
        if (option.size() > change.ref.size()) names_ += option.size() - change.ref.size();
        if (names_ <= max_ref_names) change.ref = option;
    }
    if (name == "old-oid" && is_object_id(option)) change.old_id = option;
    if (name == "new-oid" && is_object_id(option)) change.new_id = option;
    if (name == "forced-update") change.forced = Forced::yes;
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
    const std::uint32_t reported = unnamed_taken_ + unnamed_refused_;
    if (reported <= unnamed_) {
        facts.taken += unnamed_taken_;
        facts.refused += unnamed_refused_;
        facts.unknown += unnamed_ - reported;
    } else {
        facts.unknown += reported;  // git has read a command that was not recognised here
    }
    facts.unknown += unread_;
    return facts;
}

std::vector<std::string> PushReader::updated_branches() const {
    return branches_of(changes_, false);
}

std::vector<std::string> PushReader::deleted_branches() const {
    return branches_of(changes_, true);
}

}  // namespace gerve
