// What git-lfs-authenticate answers: where a repository's large files are, and a token for the server there,
// as Forgejo and Gitea make and accept them (services/lfs/server.go of either).
#pragma once

#include <string>

#include "authz/base/clock.h"
#include "authz/base/digest.h"
#include "authz/base/result.h"
#include "authz/lfs_config.h"
#include "authz/model/principal.h"
#include "authz/model/repository.h"
#include "authz/model/service.h"

namespace gerve {

// The secret of lfs.token_secret_file, 32 bytes. In the file: base64 of URLs without padding (RFC 4648,
// section 5), as a forge's LFS_JWT_SECRET. Error: internal, naming the file and the remedy.
[[nodiscard]] Result<Secret> load_lfs_secret(const std::string& file);

// A JSON Web Token (RFC 7519) of algorithm HS256, with the claims RepoID, Op, UserID, nbf and exp. A deploy
// key stands for the owner of its repository. `now`: when it begins, less a minute, since clocks differ.
[[nodiscard]] std::string make_lfs_token(const Secret& secret, const Repository& repository,
                                         const Principal& principal, Service service,
                                         std::chrono::seconds life, UnixMillis now);

// One line of JSON, as git-lfs reads it (lfshttp/ssh.go, sshAuthResponse): href, header and expires_in.
[[nodiscard]] std::string lfs_token_answer(const LfsConfig& config, const Repository& repository,
                                           const std::string& token);

}  // namespace gerve
