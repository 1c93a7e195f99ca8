#include "gerve/master/maintenance.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "authz/base/presence.h"
#include "authz/base/text.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

int turn_on(Site& site, const std::string& text) {
    const std::string& state = site.config().state;
    if (trim(text).empty()) throw Stop{usage_status, "give the text for clients"};
    if (text.size() >= max_maintenance_text)
        throw Stop{usage_status,
                   "the text is longer than " + std::to_string(max_maintenance_text - 1) + " bytes"};
    if (!need(is_there(state)))
        throw Stop{refused_status, state + " does not exist: is this the gateway's configuration?"};
    need(write_file(maintenance_file(state), std::string(trim(text)) + "\n", 0644));
    return 0;
}

int turn_off(Site& site) {
    const std::string file = maintenance_file(site.config().state);
    if (::unlink(file.c_str()) != 0 && errno != ENOENT)
        throw Stop{refused_status, errno_text("cannot remove " + file)};
    return 0;
}

int show(Site& site, bool json) {
    const std::string& state = site.config().state;
    const std::string text = need(read_maintenance(state));
    struct stat status {};
    const bool on = !text.empty() && ::stat(maintenance_file(state).c_str(), &status) == 0;
    if (json) {
        Json told{{"maintenance", on}};
        if (on) {
            told["text"] = trim(text);
            told["since"] = time_text(static_cast<UnixMillis>(status.st_mtim.tv_sec) * 1000);
        }
        print_json(told);
    } else if (on) {
        std::printf("on since %s\n%s",
                    time_text(static_cast<UnixMillis>(status.st_mtim.tv_sec) * 1000).c_str(), text.c_str());
    } else {
        std::puts("off");
    }
    return 0;
}

}  // namespace

void declare_maintenance(Command& root) {
    Command maintenance = root.group(
        "maintenance", "Answer every client with a text instead of serving it; running operations continue.");
    const auto text = std::make_shared<std::string>();
    maintenance
        .change("on", "Answer clients with TEXT and exit status 75 from now on.",
                [text](Site& site) { return turn_on(site, *text); })
        .argument("TEXT", "The text; it may have several lines", word(*text));
    (void)maintenance.change("off", "Serve again.", turn_off);
    const auto json = std::make_shared<bool>(false);
    maintenance
        .command("status", "Print whether maintenance is on, since when, and the text.",
                 [json](Site& site) { return show(site, *json); })
        .json(*json);
    maintenance.examples(
        {"gerve maintenance on \"We are moving house. Back at 14:00 UTC.\"", "gerve maintenance off"});
}

}  // namespace gerve
