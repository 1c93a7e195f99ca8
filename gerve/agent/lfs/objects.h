// The large files of a repository, lfs/objects/aa/bb/OID, as git-lfs itself lays them. An object has its name
// only when its bytes have its hash.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gerve/agent/lfs/places.h"
#include "gerve/agent/lfs/request.h"

namespace gerve::lfs {

// SHA-256 of what is added, piece by piece.
class Hasher {
  public:
    Hasher();
    void add(std::string_view bytes);
    [[nodiscard]] std::string hex();  // once

  private:
    struct Free {
        void operator()(EVP_MD_CTX* context) const;
    };
    std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// An object that is being received. It is written aside, in lfs/incoming, and gone when it is not finished.
class IncomingObject {
  public:
    // Reserves nothing: its size is what a client says. While it comes, the name of its file says it too (see
    // declared_bytes). Errors: denied (the disk has less room than that), as disk_error.
    [[nodiscard]] static Result<IncomingObject> begin(const Places& places, SizedOid object);

    // Errors: client (more than its size), as disk_error.
    [[nodiscard]] Result<void> write(std::string_view bytes);
    // Hashed, synced, and given its name. Errors: client (its size or its hash is another), as disk_error.
    [[nodiscard]] Result<void> finish();

  private:
    IncomingObject(const Places& places, SizedOid object, AsideFile aside)
        : places_(places), object_(std::move(object)), aside_(std::move(aside)) {}
    void begin_writing_back();

    const Places& places_;
    SizedOid object_;
    AsideFile aside_;
    Hasher hash_;
    std::uint64_t written_ = 0;
    std::uint64_t written_back_ = 0;
};

struct StoredObject {
    Fd file;
    std::uint64_t size = 0;
};

// Nothing: there is none, or what has its name is no file. Error: as disk_error.
[[nodiscard]] Result<std::optional<StoredObject>> find_object(const Places& places, const Oid& oid);

// Bytes that are still to come, of the objects that running sessions receive: by the sizes that their clients
// have declared, less what is on the disk. What cannot be read counts nothing.
[[nodiscard]] std::uint64_t declared_bytes(const Places& places);

// Whether there is one of this size that counts as new from now on, so that nobody prunes it before the push
// that names it. False also when it cannot be renewed: then the client sends it again.
[[nodiscard]] Result<bool> renew_object(const Places& places, const SizedOid& object);

// Of each file that has the name of an object, in its place. `wrong` gets the names, below lfs/objects, of
// what lies there and is no object (0), and of what cannot be read (its errno); ENOENT is no error.
struct ListedObject {
    Oid oid;
    std::uint64_t size = 0;
    std::chrono::system_clock::time_point changed;
};
using Wrong = std::function<void(const std::string& name, int error)>;
void list_objects(const Places& places, const std::function<void(const ListedObject&)>& object,
                  const Wrong& wrong);

// Removes an object that nobody has renewed since `before`. True: it is gone.
[[nodiscard]] bool remove_object(const Places& places, const Oid& oid,
                                 std::chrono::system_clock::time_point before);

// Moves an object away, to lfs/damaged/OID, if its file is still this one: clients are asked for it again
// then. False: it is another one by now. Error: as disk_error.
[[nodiscard]] Result<bool> set_aside(const Places& places, const Oid& oid, const Fd& file);

}  // namespace gerve::lfs
