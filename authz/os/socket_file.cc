#include "authz/os/socket_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace gerve {

SocketFile SocketFile::at(std::string path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) status = {};
    return {std::move(path), status.st_dev, status.st_ino};
}

bool SocketFile::is_there() const {
    struct stat status {};
    return ::lstat(path_.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && status.st_dev == device_ &&
           status.st_ino == inode_;
}

void SocketFile::remove() const {
    if (is_there()) ::unlink(path_.c_str());
}

}  // namespace gerve
