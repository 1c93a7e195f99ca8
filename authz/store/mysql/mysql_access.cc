#include "authz/store/mysql/mysql_access.h"

#include "authz/base/fd.h"

namespace gerve {
namespace {

bool is_own_account(const MysqlConfig& config, MysqlAccount account) {
    return account == MysqlAccount::administrative && !config.admin_user.empty();
}

}  // namespace

std::string mysql_password_file(const MysqlConfig& config, MysqlAccount account) {
    return is_own_account(config, account) ? config.admin_password_file : config.password_file;
}

Result<std::string> load_mysql_password(const std::string& file) {
    if (file.empty()) return std::string();
    auto content = read_secret_file(file);
    if (!content) return client_error(describe(content.error()));
    while (content->ends_with('\n') || content->ends_with('\r')) content->pop_back();
    return content;
}

Result<MysqlAccess> load_mysql_access(const MysqlConfig& config, MysqlAccount account) {
    auto uri = MysqlUri::parse(config.uri);
    if (!uri) return pass_on(uri);
    auto password = load_mysql_password(mysql_password_file(config, account));
    if (!password) return pass_on(password);
    MysqlAccess access;
    access.uri = std::move(*uri);
    access.user = is_own_account(config, account) ? config.admin_user : config.user;
    access.password = std::move(*password);
    access.ca_file = config.ca_file;
    access.connect_timeout = std::chrono::seconds(5);
    access.io_timeout = std::chrono::seconds(60);
    access.statement_timeout = std::chrono::seconds(55);
    return access;
}

}  // namespace gerve
