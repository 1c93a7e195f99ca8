#include "authz/model/git_command.h"

#include <doctest/doctest.h>

#include "authz/model/messages.h"
#include "authz/model/url_path.h"

using namespace gerve;

TEST_CASE("git's three services are understood in both spellings") {
    struct Row {
        const char* exec;
        Service service;
        const char* repo;
    };
    for (const Row& row : {Row{"git-upload-pack 'mojombo/bert.git'", Service::upload_pack, "mojombo/bert"},
                           Row{"git upload-pack 'mojombo/bert'", Service::upload_pack, "mojombo/bert"},
                           Row{"git-receive-pack '/mojombo/bert.git'", Service::receive_pack, "mojombo/bert"},
                           Row{"git receive-pack 'a/.github'", Service::receive_pack, "a/.github"},
                           Row{"git-upload-archive 'A/b-c.d_e'", Service::upload_archive, "A/b-c.d_e"}}) {
        CAPTURE(row.exec);
        const auto command = parse_git_command(row.exec);
        REQUIRE(command.has_value());
        CHECK(command->service == row.service);
        CHECK(command->repo.text() == row.repo);
    }
}

TEST_CASE("git-lfs's three words are understood as they are") {
    const auto upload = parse_git_command("git-lfs-transfer mojombo/bert.git upload");
    REQUIRE(upload.has_value());
    CHECK(upload->service == Service::lfs_upload);
    CHECK(upload->repo.text() == "mojombo/bert");
    const auto download = parse_git_command("git-lfs-transfer /mojombo/bert download");
    REQUIRE(download.has_value());
    CHECK(download->service == Service::lfs_download);
    CHECK(needs_write(Service::lfs_upload));
    CHECK_FALSE(needs_write(Service::lfs_download));
    for (const char* exec :
         {"git-lfs-transfer", "git-lfs-transfer o/r", "git-lfs-transfer o/r lock",
          "git-lfs-transfer o/r upload ", "git-lfs-transfer  o/r upload", "git-lfs-transfer 'o/r' upload",
          "git-lfs-transfer \"o/r\" upload", "git-lfs-transfer -o/r upload", "git-lfs-transfer --help upload",
          "git-lfs-transfer o/r UPLOAD", "git-lfs-transfer o/r upload;id", "git-lfs-transfer o/r\tupload",
          "git-lfs-transfer $HOME/r upload", "git lfs-transfer o/r upload", "git-lfs-upload 'o/r'",
          "git lfs-upload 'o/r'", "git-lfs-transfer o/r upload x", "git-lfs-transfer o/r\n upload"}) {
        CAPTURE(exec);
        const auto command = parse_git_command(exec);
        REQUIRE_FALSE(command.has_value());
        CHECK(command.error().kind == ErrorKind::client);
        CHECK(command.error().told == messages::unknown_command());
    }
    for (const char* exec : {"git-lfs-transfer o upload", "git-lfs-transfer o/../r upload",
                             "git-lfs-transfer /etc/passwd/x upload", "git-lfs-transfer o/.git upload"}) {
        CAPTURE(exec);
        const auto command = parse_git_command(exec);
        REQUIRE_FALSE(command.has_value());
        CHECK(command.error().told == messages::no_repository_path());
    }
    for (const char* exec : {"git-lfs-authenticate o/r upload", "git-lfs-authenticate /o/r.git download"}) {
        const auto command = parse_git_command(exec);
        REQUIRE(command.has_value());
        CHECK(command->wants_token);
        CHECK(command->repo.text() == "o/r");
        CHECK(is_lfs(command->service));
        CHECK(needs_write(command->service) == (std::string_view(exec).ends_with("upload")));
    }
    CHECK_FALSE(parse_git_command("git-lfs-transfer o/r upload")->wants_token);
    CHECK(parse_git_command("git-lfs-authenticate 'o/r' upload").error().told == messages::unknown_command());
}

TEST_CASE("Mercurial's one command is understood as its client writes it") {
    for (const char* exec : {"hg -R mojombo/bert serve --stdio", "hg -R /mojombo/bert.git serve --stdio",
                             "hg -R mojombo//bert/ serve --stdio"}) {
        CAPTURE(exec);
        const auto command = parse_git_command(exec);
        REQUIRE(command.has_value());
        CHECK(command->service == Service::hg_read);
        CHECK(command->repo.text() == "mojombo/bert");
    }
    CHECK_FALSE(needs_write(Service::hg_read));
    CHECK(needs_write(most_of(Service::hg_read)));
    for (const char* exec : {"hg",
                             "hg ",
                             "hg -R",
                             "hg -R o/r",
                             "hg -R serve --stdio",
                             "hg -R  serve --stdio",
                             "hg -R o/r serve --stdio ",
                             " hg -R o/r serve --stdio",
                             "hg  -R o/r serve --stdio",
                             "hg -R o/r serve --stdio --config ui.debugger=1",
                             "hg -R o/r --debugger serve --stdio",
                             "hg -R --debugger serve --stdio",
                             "hg -R --config=hooks.pre-serve=id serve --stdio",
                             "hg -R '--config=hooks.pre-serve=id >&2' serve --stdio",
                             "hg -R -o/r serve --stdio",
                             "hg -R '-o r' serve --stdio",
                             "hg -R 'o/r' serve --stdio",
                             "hg -R \"o/r\" serve --stdio",
                             "hg -R o/r' serve --stdio",
                             "hg -R 'o/r serve --stdio",
                             "hg -R 'o'r' serve --stdio",
                             "hg -R o/r;id serve --stdio",
                             "hg -R o/r&&id serve --stdio",
                             "hg -R $HOME/r serve --stdio",
                             "hg -R o/r x serve --stdio",
                             "hg -R o/r\tserve --stdio",
                             "hg -R o/r serve --stdio\n",
                             "hg --cwd / -R o/r serve --stdio",
                             "hg --config x=y -R o/r serve --stdio",
                             "hg serve --stdio",
                             "hg -R o/r serve",
                             "hg -R o/r init",
                             "hg -Ro/r serve --stdio",
                             "hg init",
                             "hg init ",
                             "hg init -o/r",
                             "hg init --config=x=y",
                             "hg init o/r x",
                             "HG -R o/r serve --stdio",
                             "hg-ssh o/r",
                             "hg -R '' serve --stdio"}) {
        CAPTURE(exec);
        const auto command = parse_git_command(exec);
        REQUIRE_FALSE(command.has_value());
        CHECK(command.error().kind == ErrorKind::client);
        CHECK(command.error().told == messages::unknown_command());
    }
    CHECK_FALSE(parse_git_command(std::string("hg -R o/r\0 serve --stdio", 25)).has_value());
    for (const char* exec :
         {"hg -R o serve --stdio", "hg -R o/../r serve --stdio", "hg -R /etc/passwd/x serve --stdio",
          "hg -R 'o/it'\\''s' serve --stdio", "hg -R 'o/r!' serve --stdio", "hg -R '~root/r' serve --stdio",
          "hg -R o/%2e%2e serve --stdio", "hg -R 'o/r --config x=y' serve --stdio"}) {
        CAPTURE(exec);
        const auto command = parse_git_command(exec);
        REQUIRE_FALSE(command.has_value());
        CHECK(command.error().told == messages::no_repository_path());
    }
    for (const char* exec : {"hg init o/r", "hg init /o/r", "hg init 'it'\\''s'"}) {
        CAPTURE(exec);
        CHECK(parse_git_command(exec).error().told == messages::no_hg_init());
    }
}

TEST_CASE("anything but one argument in git's own quoting is no command") {
    for (const char* exec : {"",
                             "git",
                             "git-upload-pack",
                             "git-upload-pack ",
                             "git-upload-pack o/r",
                             "git-upload-pack \"o/r\"",
                             "git-upload-pack 'o/r' 'x'",
                             "git-upload-pack 'o/r';id",
                             "git-upload-pack  'o/r'",
                             " git-upload-pack 'o/r'",
                             "git-upload-pack 'o/r' ",
                             "git-upload-pack 'o/r",
                             "git-upload-pack 'o'/'r'",
                             "git-upload-pack --help 'o/r'",
                             "git-upload-pack 'o/r!'",
                             "git-shell 'o/r'",
                             "git-upload-packx 'o/r'",
                             "git-upload-pack\t'o/r'",
                             "sh -c 'id'",
                             "GIT-UPLOAD-PACK 'o/r'",
                             "git-upload-pack 'a'b'",
                             "git_upload-pack 'o/r'"}) {
        CAPTURE(exec);
        const auto command = parse_git_command(exec);
        REQUIRE_FALSE(command.has_value());
        CHECK(command.error().kind == ErrorKind::client);
    }
    CHECK_FALSE(parse_git_command(std::string("git-upload-pack 'o/r\0'", 22)).has_value());
    CHECK_FALSE(parse_git_command("git-upload-pack 'o/" + std::string(2000, 'a') + "'").has_value());
}

TEST_CASE("a path that no repository can have is answered with the form that is expected") {
    for (const char* path :
         {"r",       "/",           "o/",     "/r",       "///",      "../r",       "o/..",
          "o/../r",  "o//..//r",    "o/./r",  "o//r//x/", "~o/r",     "o/%2e%2e",   "-o/r",
          "o/-r",    "o/r.git.git", "o/.git", "o/r.lock", "o\\r",     "\xc3\xb6/r", "o/r\n",
          "o/r\x1b", ".o/r",        "./o/r",  "o/ r",     "o/'\\''r", "o/'\\!'r",   ""}) {
        CAPTURE(path);
        const auto command = parse_git_command("git-upload-pack '" + std::string(path) + "'");
        REQUIRE_FALSE(command.has_value());
        CHECK(command.error().kind == ErrorKind::denied);
        CHECK(command.error().told == messages::no_repository_path());
        CHECK(command.error().told.find("OWNER/NAME") != std::string::npos);
    }
}

TEST_CASE("slashes of a URL count once, and those at its end not at all") {
    for (const char* path : {"o/r/", "//o/r", "o//r", "//o///r.git//", "/o/r.git/", "o/r///"}) {
        CAPTURE(path);
        const auto command = parse_git_command("git-upload-pack '" + std::string(path) + "'");
        REQUIRE(command.has_value());
        CHECK(command->repo.text() == "o/r");
        CHECK((*parse_self_question("why o//r/"))->repo->text() == "o/r");
    }
}

TEST_CASE("GIT_PROTOCOL keeps to its grammar") {
    CHECK(GitProtocol::parse("version=2").has_value());
    CHECK(GitProtocol::parse("version=2:object-format=sha256").has_value());
    for (const std::string text : {"", "Version=2", "version=2 ", "a;b", "a\nb"})
        CHECK_FALSE(GitProtocol::parse(text).has_value());
    CHECK(GitProtocol::parse(std::string(255, 'a')).has_value());
    CHECK_FALSE(GitProtocol::parse(std::string(256, 'a')).has_value());
}

TEST_CASE("questions about the own key are understood to the byte") {
    const auto parse = [](std::string_view exec) {
        const auto question = parse_self_question(exec);
        REQUIRE(question.has_value());
        return *question;
    };
    CHECK(parse("whoami")->kind == SelfQuestion::Kind::whoami);
    CHECK(parse("keys")->kind == SelfQuestion::Kind::keys);
    CHECK_FALSE(parse("keys")->repo.has_value());
    const auto read = parse("why mojombo/bert.git");
    CHECK(read->kind == SelfQuestion::Kind::why);
    CHECK(read->repo->text() == "mojombo/bert");
    CHECK_FALSE(read->push);
    const auto push = parse("why /mojombo/bert push");
    CHECK(push->repo->text() == "mojombo/bert");
    CHECK(push->push);
    CHECK(parse("why push/push push")->repo->text() == "push/push");
}

TEST_CASE("nothing that only looks like one of these questions is one, nor a git command") {
    for (const std::string_view exec : {"whoami ",
                                        " whoami",
                                        "whoami\n",
                                        "WHOAMI",
                                        "whoami alice",
                                        "who",
                                        "keys alice",
                                        "keys ",
                                        "key",
                                        "keys;id",
                                        "why",
                                        "why ",
                                        "why  a/b",
                                        "why a/b ",
                                        "why a/b  push",
                                        "why a/b push ",
                                        "why a/b pull",
                                        "why a/b c/d",
                                        "why 'a/b'",
                                        "why a/b;id",
                                        "why $(id)",
                                        "why a/b\n",
                                        "why\ta/b",
                                        "why a/b\tpush",
                                        "why a/b push push",
                                        "why \xc3\xa9/b",
                                        "WHY a/b",
                                        "whya/b",
                                        "why push ",
                                        "",
                                        "help",
                                        "kill",
                                        "sessions"}) {
        CAPTURE(exec);
        const auto question = parse_self_question(exec);
        REQUIRE(question.has_value());
        CHECK_FALSE(question->has_value());
        CHECK(parse_git_command(exec).error().told == messages::unknown_command());
    }
    CHECK_FALSE(parse_self_question(std::string_view("whoami\0", 7))->has_value());
    CHECK_FALSE(parse_self_question(std::string_view("why a/b\0", 8))->has_value());
    CHECK_FALSE(parse_self_question("why a/" + std::string(max_command, 'b'))->has_value());
}

TEST_CASE("a question about a path that no repository can have is answered with the form") {
    for (const char* exec : {"why a", "why /", "why a/..", "why ../b", "why a/b/c", "why a/b//c", "why -x/b",
                             "why push", "why a/.git push"}) {
        CAPTURE(exec);
        const auto question = parse_self_question(exec);
        REQUIRE_FALSE(question.has_value());
        CHECK(question.error().kind == ErrorKind::denied);
        CHECK(question.error().told == messages::no_repository_path());
    }
}
