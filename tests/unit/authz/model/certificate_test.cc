#include "authz/model/certificate.h"

#include <doctest/doctest.h>

using namespace gerve;

namespace {

// Made by ssh-keygen with an authority of ecdsa-sha2-nistp256; without the end of the last field, its
// signature.
const std::string signed_part =
    "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIBAhZAnH/xBvOkCbBGNU4iQEKaarKEOTj9D36TmKTHxXAAAA"
    "IHXj2OMkGCskdoEAD7bGrgoht//iNM3Fed6qvcPR+b48AAAAAAAAAAcAAAABAAAABmxhcHRvcAAAAAkAAAAFYWxpY2UAAAAAAAAA"
    "AP//////////AAAAAAAAAAAAAAAAAAAAaAAAABNlY2RzYS1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQSymDzmg2b+UUs4"
    "fnF3+7MJUgLLUhSVbx4a7RtEF0z2QToYUQO7uDD63tmcxtMKFuUguv2yHbmGy16G4vdBK3taAAAA";
const std::string as_made =
    "ZQAAABNlY2RzYS1zaGEyLW5pc3RwMjU2AAAASgAAACEAxHH3Lj8bsvmhgbE87qKBOp5r41L/v+EVCVO5u7/RZWwAAAAhAOcgH5MZ"
    "nLdr5Ubupi4SbTOwskgvzI0tL3k9QW2nD1Tg";
// (r, n - s) in place of (r, s), which whoever has the certificate can compute.
const std::string turned =
    "ZAAAABNlY2RzYS1zaGEyLW5pc3RwMjU2AAAASQAAACEAxHH3Lj8bsvmhgbE87qKBOp5r41L/v+EVCVO5u7/RZWwAAAAgGN/ga+Zj"
    "SJUauRFZ0e2SzAw0sn3ainFVenyJVVVT0HE=";
// A zero byte in front of r.
const std::string padded =
    "ZgAAABNlY2RzYS1zaGEyLW5pc3RwMjU2AAAASwAAACIAAMRx9y4/G7L5oYGxPO6igTqea+NS/7/hFQlTubu/0WVsAAAAIQDnIB+T"
    "GZy3a+VG7qYuEm0zsLJIL8yNLS95PUFtpw9U4A==";

Certificate with_signature(const std::string& end) {
    auto certificate =
        Certificate::parse_line("ssh-ed25519-cert-v01@openssh.com " + signed_part + end + " laptop");
    REQUIRE_MESSAGE(certificate.has_value(), certificate.error().told);
    return *certificate;
}

}  // namespace

TEST_CASE("a certificate keeps its fingerprint when its signature is turned into another valid one") {
    const Certificate certificate = with_signature(as_made);
    CHECK(certificate.is_signed());
    CHECK(with_signature(turned).is_signed());
    CHECK(with_signature(turned) != certificate);
    CHECK(with_signature(turned).fingerprint() == certificate.fingerprint());
    CHECK_FALSE(with_signature(padded).is_signed());
}
