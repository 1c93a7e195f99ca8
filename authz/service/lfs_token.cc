#include "authz/service/lfs_token.h"

#include "authz/base/base64url.h"
#include "authz/base/fd.h"
#include "authz/base/json_text.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::size_t secret_size = 32;
constexpr std::int64_t clock_difference = 60;  // seconds

std::int64_t user_of_token(const Principal& principal, const Repository& repository) {
    return match(
        principal.holder(), [](const SomeUser auto& some) { return number_of(as_user(some).id); },
        [&](const SomeDeployKey auto&) { return number_of(repository.owner); });
}

}  // namespace

Result<Secret> load_lfs_secret(const std::string& file) {
    const auto content = read_secret_file(file);
    if (!content) return pass_on(content);
    const auto bytes = from_base64url(std::string(trim(*content)));
    if (bytes && bytes->size() == secret_size) return Secret(*bytes);
    return internal_error(
        file +
        ": not 32 bytes in base64 for URLs without padding, as the LFS_JWT_SECRET of Forgejo is; "
        "a new one: openssl rand 32 | basenc --base64url | tr -d =");
}

std::string make_lfs_token(const Secret& secret, const Repository& repository, const Principal& principal,
                           Service service, std::chrono::seconds life, UnixMillis now) {
    const std::int64_t second = now / 1000;
    // Numbers, and words of this program: nothing in it needs an escape.
    const std::string claims = "{\"RepoID\":" + std::to_string(number_of(repository.id)) + ",\"Op\":\"" +
                               std::string(find_row(service)->lfs) +
                               "\",\"UserID\":" + std::to_string(user_of_token(principal, repository)) +
                               ",\"exp\":" + std::to_string(second + life.count()) +
                               ",\"nbf\":" + std::to_string(second - clock_difference) + "}";
    std::string token = to_base64url("{\"alg\":\"HS256\",\"typ\":\"JWT\"}") + "." + to_base64url(claims);
    const std::string signature = hmac_sha256(secret.view(), token);
    return token + "." + to_base64url(signature);
}

std::string lfs_token_answer(const LfsConfig& config, const Repository& repository,
                             const std::string& token) {
    const RepoPath& path = repository.path;
    std::string answer = "{\"header\":{\"Authorization\":";
    append_json_text(answer, "Bearer " + token);
    answer += "},\"href\":";
    append_json_text(answer, lfs_url(config.url, path.owner().text(), path.name().text()));
    return answer + ",\"expires_in\":" + std::to_string(config.token_life.count()) + "}\n";
}

}  // namespace gerve
