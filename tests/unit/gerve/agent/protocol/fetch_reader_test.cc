#include "gerve/agent/protocol/fetch_reader.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <string>

#include "gerve/agent/protocol/last_words.h"

namespace gerve {
namespace {

std::string packet(const std::string& payload) {
    char length[5];
    std::snprintf(length, sizeof length, "%04x", static_cast<unsigned>(payload.size() + 4));
    return length + payload;
}

const std::string id(40, 'a');

FetchFacts read(const std::string& input, std::size_t piece) {
    FetchReader fetch;
    for (std::size_t at = 0; at < input.size(); at += piece)
        fetch.take_input(std::string_view(input).substr(at, piece));
    return fetch.facts();
}

TEST_CASE("a clone by protocol 2 is told from a fetch, and wants that are repeated count once") {
    const std::string ls_refs =
        packet("command=ls-refs\n") + packet("agent=git/2.39.5") + "0001" + packet("peel\n") + "0000";
    const std::string wants = packet("want " + id + "\n") + packet("want " + id + "\n");
    const std::string request = packet("command=fetch") + packet("object-format=sha1") + "0001";
    for (const std::size_t piece : {1UL, 7UL, 4096UL}) {
        CAPTURE(piece);
        const FetchFacts clone =
            read(ls_refs + request + packet("ofs-delta") + wants + packet("done\n") + "0000", piece);
        CHECK(clone.wants == 2);
        CHECK(clone.clone);
        CHECK_FALSE(clone.shallow);
        CHECK_FALSE(clone.partial);
        const FetchFacts fetch = read(request + wants + packet("have " + id) + "0000" + request + wants +
                                          packet("filter blob:none") + packet("done\n") + "0000",
                                      piece);
        CHECK(fetch.wants == 2);
        CHECK_FALSE(fetch.clone);
        CHECK(fetch.partial);
        CHECK(read(ls_refs, piece).wants == 0);
        CHECK_FALSE(read(ls_refs, piece).clone);
    }
}

TEST_CASE("protocols 0 and 1: the capabilities stand behind the first want") {
    const std::string wants = packet("want " + id + " multi_ack side-band-64k ofs-delta agent=git/1.7\n") +
                              packet("want " + id + "\n") + packet("deepen 1") + "0000";
    const FetchFacts facts = read(wants + packet("done\n"), 3);
    CHECK(facts.wants == 2);
    CHECK(facts.clone);
    CHECK(facts.shallow);
    CHECK_FALSE(read(wants + packet("have " + id + "\n"), 3).clone);
}

TEST_CASE("what is no request of a fetch tells nothing") {
    CHECK(read("GET / HTTP/1.1", 1).wants == 0);
    CHECK(read("0003" + packet("want " + id), 1).wants == 0);
}

TEST_CASE("the last words are the last lines, without progress") {
    std::string kept;
    keep_last_words(kept, "Unpacking objects:  50% (1/2)\rUnpacking objects: 100% (2/2)\rerror: no space\n");
    keep_last_words(kept, "fatal: unpack failed\n");
    CHECK(last_lines(kept) == "error: no space; fatal: unpack failed");
    keep_last_words(kept, std::string(3 * max_last_words, 'x'));
    CHECK(kept.size() == max_last_words);
    CHECK(last_lines("a\x1b[31m\n") == "a\\x1b[31m");
}

}  // namespace
}  // namespace gerve
