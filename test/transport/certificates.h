// test/transport/certificates.h
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "transport/openssl.h"

namespace transport {

/// A folder of a test's own that goes with it.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  /// Writes a file that only its owner may read, and returns its path.
  std::string write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// A certificate with its key, as objects and as PEM.
struct TestCertificate {
  CertificatePtr certificate;
  KeyPtr key;
  [[nodiscard]] std::string certificate_pem() const;
  [[nodiscard]] std::string key_pem() const;
};

/// The subject of a certificate.
struct TestSubject {
  std::string common_name = {};
  std::string organization = {};
  std::string host = {};  // subjectAltName; empty: none
  std::int64_t begins_days = -1;
  std::int64_t ends_days = 365;  // from now
  bool authority = false;
  bool signs_ocsp = false;  // its issuer lets it sign OCSP responses (RFC 6960, section 4.2.2.2)
};

/// An authority that vouches for itself.
[[nodiscard]] TestCertificate make_authority(const std::string& common_name);
[[nodiscard]] TestCertificate make_certificate(const TestSubject& subject,
                                               const TestCertificate& issuer);
/// A revocation list in PEM form, good for `days` from now.
[[nodiscard]] std::string make_revocation_list(const TestCertificate& issuer,
                                               const std::vector<const TestCertificate*>& revoked,
                                               std::int64_t days = 30);
/// An OCSP response in DER form; `status` is OpenSSL's: 0 says "good", 1 "revoked". `signer`: the
/// certificate that signs it; null: the issuer's.
[[nodiscard]] std::string make_ocsp_response(const TestCertificate& subject,
                                             const TestCertificate& issuer, std::int64_t days = 7,
                                             int status = 0,
                                             const TestCertificate* signer = nullptr);

}  // namespace transport
