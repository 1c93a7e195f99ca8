#include "gerve/cli/import/gitolite_files.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "authz/base/fd.h"
#include "tests/unit/temporary.h"

using namespace gerve;

namespace {

void write_at(const std::string& path, const std::string& content = "") {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    REQUIRE(write_file(path, content, 0600));
}

std::vector<std::string> names_by(const ConfFiles& files, const std::string& directory,
                                  const std::string& pattern) {
    std::vector<std::string> names;
    for (const auto& found : files.find(pattern))
        names.push_back(found.name.substr(directory.size() + 1) + (found.identity.empty() ? " missing" : ""));
    return names;
}

}  // namespace

TEST_CASE("an include names files beside the configuration, without regard to case in their order") {
    const TemporaryDirectory temporary;
    const std::string directory = temporary.path + "/conf [1]*";
    for (const char* name : {"gitolite.conf", "b.conf", "A.conf", "c/x.conf", "c.conf"})
        write_at(directory + "/" + name);
    std::filesystem::create_symlink("b.conf", directory + "/z.conf");
    const ConfFiles files = files_beside(directory + "/gitolite.conf");
    using Names = std::vector<std::string>;
    CHECK(names_by(files, directory, "[a-c].conf") == Names{"b.conf", "c.conf"});
    CHECK(names_by(files, directory, "?.conf") == Names{"A.conf", "b.conf", "c.conf", "z.conf"});
    CHECK(names_by(files, directory, "{c/x,b}.conf") == Names{"b.conf", "c/x.conf"});
    CHECK(names_by(files, directory, "c/*.conf") == Names{"c/x.conf"});
    CHECK(names_by(files, directory, "none*.conf").empty());
    CHECK(names_by(files, directory, "none.conf") == Names{"none.conf missing"});
    CHECK(names_by(files, directory, "c") == Names{"c missing"});
    const auto identity = [&](const std::string& name) -> std::string {
        return files.find(name).at(0).identity;
    };
    CHECK(identity("b.conf") == identity("z.conf"));
    CHECK_FALSE(identity(directory + "/gitolite.conf").empty());
}

TEST_CASE("a keydir is read with all below it, but for what find -type f would not name") {
    const TemporaryDirectory temporary;
    const std::string directory = temporary.path + "/keydir";
    write_at(directory + "/b.pub", "1");
    write_at(directory + "/a/b.pub", "2");
    write_at(directory + "/a/b.pub.old");
    write_at(directory + "/c.pub/d.pub", "3");
    std::filesystem::create_symlink("b.pub", directory + "/link.pub");
    const auto files = read_keydir(directory);
    REQUIRE(files);
    REQUIRE(files->size() == 3);
    CHECK((*files)[0].path == directory + "/a/b.pub");
    CHECK((*files)[1].content == "1");
    CHECK((*files)[2].content == "3");
    const auto none = read_keydir(directory + "/nowhere");
    REQUIRE_FALSE(none);
    CHECK(describe(none.error()).starts_with("cannot read " + directory + "/nowhere"));
}
