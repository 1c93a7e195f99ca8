// What a push asks for and what becomes of it, read along with the streams of git-receive-pack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "authz/model/operation_facts.h"
#include "gerve/agent/protocol/advertised_refs.h"
#include "gerve/agent/protocol/pkt_lines.h"

namespace gerve {

// The commands of a push stand at the front of its input, a pkt-line each, up to a flush packet
// (gitprotocol-pack(5), "Reference Update Request and Packfile Transfer"; in a signed push within its
// certificate); push options may follow them. The output begins with the advertisement of the refs; the
// report (report-status, or report-status-v2) comes at its end, within side-band packets if the client asked
// for them. What is neither is git's to refuse: it names no ref here.
class PushReader {
  public:
    void take_input(std::string_view bytes);   // of git
    void take_output(std::string_view bytes);  // of git

    // In the order of the push, at most max_ref_changes and max_ref_names bytes of names. The outcome of a
    // ref that the report does not name is unknown.
    [[nodiscard]] const std::vector<RefChange>& changes() const { return changes_; }
    // Corrects what the advertisement shows to be untrue, as git knew the refs when the push began: a ref
    // that named the new object already was not moved to it, if git did not say so; whether a ref that was
    // not there has been made and deleted meanwhile is unknown; and a deletion for which the client named no
    // object of the repository deleted what git had advertised.
    void compare_with_advertisement(std::vector<RefChange>& changes) const;
    // What the refs named that found no room in changes(), by the client's word and by the advertisement,
    // whatever has become of them. Of 4 MiB of names.
    [[nodiscard]] std::vector<std::string> unnamed_objects() const;
    // How many more the push named, by their outcomes, and what else is to be told of it. With `changes` of
    // this reader, as they were settled.
    [[nodiscard]] PushFacts facts(const std::vector<RefChange>& changes) const;

    static constexpr std::size_t max_branches = 256;  // of each kind
    // Full names of branches, in the order of the push: made or moved; deleted.
    [[nodiscard]] std::vector<std::string> updated_branches() const;
    [[nodiscard]] std::vector<std::string> deleted_branches() const;

    // What git says to the client beside its report, as far as it has a side band for it.
    [[nodiscard]] const std::string& last_words() const { return last_words_; }

  private:
    enum class Input { commands, certificate, options, over };
    enum class Output { advertisement, report, over };

    [[nodiscard]] bool take_request(PktLines::Kind kind, std::string_view payload);
    void take_command_line(std::string_view line);
    void take_certificate_packet(std::string_view payload);
    void take_certificate();
    void take_command(std::string_view line);
    void note_unnamed(std::string_view ref, std::string old_id);
    void take_capabilities(std::string_view capabilities);
    [[nodiscard]] bool take_answer(PktLines::Kind kind, std::string_view payload);
    [[nodiscard]] bool take_report_packet(PktLines::Kind kind, std::string_view payload);
    void take_report_line(std::string_view line);
    void take_status(std::string_view ref_and_why, bool ok);
    void take_option(std::string_view option);

    Input input_ = Input::commands;
    Output output_ = Output::advertisement;
    PktLines requests_{65'520};
    PktLines answers_{RefChange::max_ref + 80};
    PktLines report_{65'520};  // within the side band
    bool has_side_band_ = false;
    bool has_options_ = false;
    bool is_signed_ = false;

    AdvertisedRefs advertised_;

    static constexpr std::size_t max_certificate = 4 << 20;  // bytes
    std::string certificate_;
    std::uint32_t unread_ = 0;  // packets of a certificate that was too long

    std::vector<RefChange> changes_;
    std::size_t names_ = 0;                              // bytes of the names in changes_
    std::uint32_t unnamed_ = 0;                          // commands that found no room there
    static constexpr std::size_t max_unnamed = 4 << 20;  // bytes
    std::size_t unnamed_bytes_ = 0;
    std::vector<std::pair<std::string, std::string>> unnamed_commands_;  // the ref, and the old object
    std::uint32_t unnamed_taken_ = 0;
    std::uint32_t unnamed_refused_ = 0;
    std::uint32_t options_ = 0;
    std::size_t reported_ = 0;         // changes_ whose status was read, or passed over
    std::optional<std::size_t> last_;  // that of the last status; options of it may follow
    std::string asked_;                // the name in that status
    std::string unpack_error_;         // why the pack was not taken
    std::string last_words_;
};

}  // namespace gerve
