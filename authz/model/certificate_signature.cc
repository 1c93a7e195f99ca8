// Apart from certificate.cc: gerve-authorized-keys reads certificates, and leaves signatures to sshd and
// authz.
#include "authz/base/ssh_signature.h"
#include "authz/model/certificate.h"

namespace gerve {

bool Certificate::is_signed() const {
    return verify_ssh_signature(authority_.blob(), signature_,
                                std::string_view(blob_).substr(0, signed_size_));
}

}  // namespace gerve
