// TrailVerifier: reads a trail from its files and finds what was altered, deleted, moved or cut off.
#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/audit/chain.h"

namespace gerve {

// A head that was kept elsewhere, as text "CHAIN:SEQ:MAC".
[[nodiscard]] std::string format_anchor(const TrailHead& head);
[[nodiscard]] Result<TrailHead> parse_anchor(std::string_view text);  // error: client

struct TrailProblem {
    std::string file;
    std::uint64_t line = 0;  // from 1; 0: the trail as a whole
    std::string text;
    std::uint64_t place = 0;  // of the line in all that was read
};

// Fed line by line, file by file, in the order in which they were written. Events of a chain of which none
// fits the key are one problem: not verified. An anchor whose event is not there is a problem, unless it is
// the one behind which the first of the files carries the trail on.
class TrailVerifier {
  public:
    TrailVerifier(const ChainKey& key, std::vector<TrailHead> anchors)
        : key_(key), anchors_(std::move(anchors)) {}

    void begin_file(const std::string& name);
    // `complete`: it ended with a newline.
    void take_line(std::string_view line, bool complete = true);
    // What was found, in the order of the lines. `noted`: where the trail is said to stand, by FILE.head.
    [[nodiscard]] std::vector<TrailProblem> finish(const std::optional<TrailHead>& noted = std::nullopt);

    [[nodiscard]] std::uint64_t lines() const { return lines_; }
    [[nodiscard]] std::uint64_t first_seq() const { return first_seq_; }  // of the first line; 0: none
    [[nodiscard]] const TrailHead& head() const { return at_; }

  private:
    struct Gap {
        std::uint64_t first, last;  // of the numbers that are missing
        TrailProblem where;
    };
    void problem(std::string text) { problems_.push_back({file_, line_, std::move(text), place_}); }
    void take_event(const TrailLine& event, std::string_view line);
    void settle_torn(const std::optional<ParsedNote>& note);
    [[nodiscard]] bool take_chain(const TrailLine& event, const std::optional<ParsedNote>& note);
    void check_number(const TrailLine& event);
    [[nodiscard]] bool fill_gap(std::uint64_t seq);
    void settle_chain();
    void meet_anchors(const TrailHead& head);
    void check_anchors(const TrailLine& event);
    void finish_anchors();

    const ChainKey& key_;
    std::vector<TrailHead> anchors_;
    std::vector<bool> met_ = std::vector<bool>(anchors_.size());
    std::vector<TrailProblem> problems_;
    std::vector<Gap> gaps_;
    // Of the chain that is read: events that fit the key, and those that do not.
    struct {
        std::uint64_t fitting = 0;
        std::uint64_t first = 0;  // number of the first event that was compared
        std::vector<TrailProblem> misfits;
    } compared_;
    std::map<std::string, TrailHead> last_of_;  // by chain
    TrailHead at_;                              // behind the last line in order
    std::string expected_mac_;                  // of that line, as it ought to be
    bool mac_unknown_ = false;                  // what stood before the next line is missing
    std::string file_;
    std::uint64_t line_ = 0;
    std::uint64_t place_ = 0;
    std::uint64_t lines_ = 0;
    std::uint64_t first_seq_ = 0;
    std::string torn_;  // bytes that are no line, since the last line
    std::uint64_t torn_line_ = 0;
    std::uint64_t torn_place_ = 0;
    bool torn_complete_ = true;
};

// Feeds a whole stream.
void verify_stream(TrailVerifier& verifier, const std::string& name, std::istream& in);

}  // namespace gerve
