// transport/tls_files.h
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "transport/openssl.h"

namespace transport {

/// A server's certificate and those of the authorities that a client needs to check it.
struct CertificateChain {
  CertificatePtr certificate;
  std::vector<CertificatePtr> issuers;  // in the order of the file
};

/// An answer of an OCSP responder, ready to be stapled.
struct OcspStaple {
  std::vector<unsigned char> response;  // DER, as it stands in the file
  std::vector<std::string> serials;     // of the certificates it speaks of, in hexadecimal
  std::int64_t next_update = 0;         // seconds since 1970; 0: it does not say
};

/// The keys of TLS-PSK, by identity.
///
/// Lifetime   The keys are wiped with it.
class PskTable {
 public:
  PskTable() = default;
  ~PskTable();
  PskTable(const PskTable&) = delete;
  PskTable& operator=(const PskTable&) = delete;
  PskTable(PskTable&&) = default;
  PskTable& operator=(PskTable&&) = default;

  /// Returns   False if the identity has a key already.
  bool add(std::string identity, std::vector<unsigned char> key);
  /// Null: there is no such identity.
  [[nodiscard]] const std::vector<unsigned char>* find(std::string_view identity) const;

 private:
  std::map<std::string, std::vector<unsigned char>, std::less<>> keys_;
};

// Each of these reads one file. Their errors are one sentence without its full stop, which begins
// with the file and names a remedy.

/// PEM: the server's certificate first, then those of intermediate authorities.
[[nodiscard]] std::expected<CertificateChain, std::string> read_certificates(
    const std::string& path);

/// May a file with secrets be one that everybody on the machine may read or change?
enum class Secrecy : std::uint8_t { required, optional };

/// PEM, without a passphrase: no one is there to type it.
[[nodiscard]] std::expected<KeyPtr, std::string> read_private_key(const std::string& path,
                                                                  Secrecy secrecy);

/// PEM, one list or several.
[[nodiscard]] std::expected<std::vector<RevocationListPtr>, std::string> read_revocation_lists(
    const std::string& path);

/// DER, as `openssl ocsp -respout` writes it.
[[nodiscard]] std::expected<OcspStaple, std::string> read_ocsp_response(const std::string& path);

/// Lines of IDENTITY:KEY, the key in hexadecimal; empty lines and those with '#' in front count
/// for nothing.
[[nodiscard]] std::expected<PskTable, std::string> read_psk_file(const std::string& path,
                                                                 Secrecy secrecy);

/// The serial number in hexadecimal.
[[nodiscard]] std::string serial_of(const ASN1_INTEGER* serial);

/// Seconds since 1970.
[[nodiscard]] std::int64_t seconds_of(const ASN1_TIME* time);

}  // namespace transport
