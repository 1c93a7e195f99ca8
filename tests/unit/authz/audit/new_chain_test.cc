#include "authz/audit/new_chain.h"

#include "tests/unit/authz/audit/files.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// What an append is refused with.
std::string refusal_to_append(Trail& trail) {
    const auto appended = trail.append({service_fact("started")});
    REQUIRE_FALSE(appended);
    return appended.error().detail;
}

std::vector<std::string> files_in_order(const TemporaryDirectory& directory) {
    std::vector<std::string> names;
    for (const std::string& file : list_trail_files(directory.file("audit.jsonl")))
        names.push_back(std::filesystem::path(file).filename());
    return names;
}

}  // namespace

TEST_CASE("behind a trail no key is made, and one that is put back serves again") {
    const TemporaryDirectory directory;
    write_events(*open_trail(directory), 3);
    const std::string before = text_of(directory.file("audit.jsonl"));
    SUBCASE("the file is there") {}
    SUBCASE("it was renamed, and the head tells") {
        rename_file(directory, "audit.jsonl", "elsewhere");
    }
    rename_file(directory, "audit.key", "key.backup");
    const auto trail = open_trail(directory);
    const std::string why = refusal_to_append(*trail);
    CHECK(why.find("audit.key is missing") != std::string::npos);
    CHECK(why.find("gerve audit new-chain") != std::string::npos);
    CHECK_FALSE(trail->probe());
    CHECK_FALSE(std::filesystem::exists(directory.file("audit.key")));
    rename_file(directory, "key.backup", "audit.key");
    write_events(*trail, 1);
    if (std::filesystem::exists(directory.file("elsewhere"))) return;
    CHECK(verify(directory, {"audit.jsonl"}).empty());
    CHECK(text_lines(directory.file("audit.jsonl")).size() == 5);
}

TEST_CASE("nothing is written behind a trail under another key") {
    const TemporaryDirectory directory;
    const TemporaryDirectory other;
    write_events(*open_trail(directory), 3);
    write_events(*open_trail(other), 1);
    const std::string before = text_of(directory.file("audit.jsonl"));
    std::filesystem::copy_file(other.file("audit.key"), directory.file("audit.key"),
                               std::filesystem::copy_options::overwrite_existing);
    const auto trail = open_trail(directory);
    CHECK(refusal_to_append(*trail).find("is not the key that") != std::string::npos);
    CHECK(text_of(directory.file("audit.jsonl")) == before);
    const std::string aside = must(begin_new_chain(trail_settings(directory)));
    write_events(*trail, 2);
    CHECK(text_of(aside) == before);
    CHECK(verify(directory, {"audit.jsonl"}).empty());
}

TEST_CASE("a new chain says which event it begins behind, and the former one is not verified") {
    const TemporaryDirectory directory;
    write_events(*open_trail(directory), 3);
    const auto last = json_lines(directory.file("audit.jsonl")).back();
    std::filesystem::remove(directory.file("audit.key"));
    const auto keyless = open_trail(directory);  // of an authz that runs
    CHECK_FALSE(keyless->append({service_fact("started")}));
    const std::string aside = must(begin_new_chain(trail_settings(directory)));
    write_events(*keyless, 1);
    write_events(*open_trail(directory), 2);
    const auto lines = json_lines(directory.file("audit.jsonl"));
    CHECK(lines.size() == 4);
    CHECK(lines[0]["what"] == "begins");
    CHECK(lines[0]["seq"] == 1);
    CHECK(lines[0]["previous_chain"] == last["chain"]);
    CHECK(lines[0]["previous_seq"] == 4);
    CHECK(lines[0]["previous_mac"] == last["mac"]);
    const std::string former = std::filesystem::path(aside).filename();
    CHECK(files_in_order(directory) == std::vector<std::string>{former, "audit.jsonl"});
    CHECK(verify(directory, {"audit.jsonl"}).empty());
    CHECK(
        verify(directory, {former, "audit.jsonl"}) ==
        std::vector<std::string>{former + ":1: events 1 to 4 of chain " + last["chain"].get<std::string>() +
                                 " are not verified: none of them matches this key, so another key was used, "
                                 "or all of them were altered"});
    // What was cut off the former chain shows.
    const auto kept = text_lines(aside);
    put_text(aside, kept[0] + "\n" + kept[1] + "\n");
    CHECK(verify(directory, {former, "audit.jsonl"}).size() == 2);
}

TEST_CASE("a writer that still has the former key in memory goes on in the new chain under the new key") {
    const TemporaryDirectory directory;
    const auto writer = open_trail(directory);
    write_events(*writer, 3);
    std::filesystem::remove(directory.file("audit.key"));
    write_events(*writer, 1);
    (void)must(begin_new_chain(trail_settings(directory)));
    SUBCASE("it is the first to write") {}
    SUBCASE("another is") {
        write_events(*open_trail(directory), 2);
    }
    write_events(*writer, 2);
    rename_file(directory, "audit.jsonl", "audit.jsonl.1");
    write_events(*writer, 1);
    CHECK(verify(directory, {"audit.jsonl.1", "audit.jsonl"}).empty());
}

TEST_CASE("no chain is begun anew where the key fits, or where there is no trail") {
    const TemporaryDirectory directory;
    CHECK_FALSE(begin_new_chain(trail_settings(directory)));
    write_events(*open_trail(directory), 2);
    const auto refused = begin_new_chain(trail_settings(directory));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::client);
    CHECK(std::filesystem::exists(directory.file("audit.jsonl")));
    write_events(*open_trail(directory), 1);
    CHECK(verify(directory, {"audit.jsonl"}).empty());
}
