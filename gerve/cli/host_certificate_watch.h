// HostCertificateWatch: what the log says of the host certificates that a gateway has loaded, at its start
// and when their time comes.
#pragma once

#include <string>
#include <vector>

#include "gerve/ssh/host_certificates.h"

namespace gerve {

class HostCertificateWatch {
  public:
    // Those of a start or a reload: what is wrong with them is logged at once, and how long they have left as
    // by look().
    void take(const HostCertificates& loaded, UnixMillis now);
    // Logs a certificate that ends soon or has ended, and is not replaced by another one: when it comes to
    // that, and once a day from then on.
    void look(UnixMillis now);

  private:
    struct Watched {
        HostCertificate certificate;
        HostCertificateState said = HostCertificateState::valid;
        UnixMillis said_at = 0;
    };
    std::vector<Watched> watched_;
};

}  // namespace gerve
