// transport/proxy_protocol.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/wire/bytes.h"
#include "transport/options.h"
#include "transport/peer_address.h"

namespace transport {

/// A proxy's statement about the client's TLS connection, which it ended.
struct ProxyTls {
  std::string version;      // "TLSv1.3"
  std::string cipher;       // "TLS_AES_256_GCM_SHA384"
  std::string common_name;  // of the client's certificate
  /// The client showed a certificate, in this connection or in the session that it resumes, and
  /// the proxy found it good.
  bool verified = false;
};

/// The content of a PROXY protocol header.
struct ProxyHeader {
  /// Where the client is. Nothing: the proxy speaks for itself (LOCAL) or does not know (UNKNOWN,
  /// UNSPEC), and the socket's own address holds.
  std::optional<PeerAddress> source;
  std::optional<ProxyTls> tls;  // nothing: the client used none, or the proxy does not say

  /// The common name of a certificate that the proxy found good; nothing if it is empty or has
  /// control characters, which no user name may have.
  [[nodiscard]] std::optional<std::string> user_name() const;
};

/// Reads the header that a proxy puts before everything else, however it is cut into pieces.
///
/// Shape      Version 1 is a line of at most 107 bytes:
///
///              PROXY TCP4 192.0.2.1 198.51.100.7 49152 1883 CR LF
///              PROXY UNKNOWN, and anything, CR LF
///
///            Version 2:
///
///              [0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A] [2:4 command:4] [family:4 protocol:4]
///              [length: 2] [addresses: by family 12, 36, 216 or 0] [TLVs: the rest of length]
///
///              command   0 LOCAL, 1 PROXY      family  0 UNSPEC, 1 IPv4, 2 IPv6, 3 unix
///              TLV       [type: 1] [length: 2] [value]
///              SSL, 0x20 [client: 1] [verify: 4] [TLVs: 21 version, 22 common name, 23 cipher]
///              CRC32C, 3 of the whole header, as if its own four bytes were 0
///
/// Lifetime   One per connection. Owns the unfinished bytes; of a whole header only its content.
/// Threads    None.
/// Source     The PROXY protocol, versions 1 and 2 (HAProxy Technologies, 2020/03/05).
class ProxyHeaderReader {
 public:
  explicit ProxyHeaderReader(ProxyVersion version) noexcept : version_(version) {}

  /// Of a header of version 2. The fixed part and the longest addresses take 232 bytes; a common
  /// name, a unique id (128 bytes) and names of cipher and host stay far below the rest. A larger
  /// header serves no broker, and would take memory before the client has identified itself.
  static constexpr std::size_t bytes_max = 4096;

  enum class Progress : std::uint8_t { incomplete, complete, malformed };
  struct Result {
    Progress progress;
    std::size_t used;  // bytes of the header; later ones belong to the next protocol
  };
  /// To be called until it says something else than incomplete. No byte behind the header is used.
  [[nodiscard]] Result read(mqtt::Bytes bytes);

  [[nodiscard]] const ProxyHeader& header() const noexcept { return header_; }
  /// The fault, as the end of a sentence. Static text.
  [[nodiscard]] std::string_view error() const noexcept { return error_; }

 private:
  [[nodiscard]] Progress look();
  [[nodiscard]] Progress look_at_line();
  [[nodiscard]] Progress look_at_binary();
  [[nodiscard]] std::size_t wanted_bytes() const noexcept;
  /// Null, or the fault.
  [[nodiscard]] const char* parse_line(std::string_view line);
  [[nodiscard]] const char* parse_binary(mqtt::Bytes all);
  [[nodiscard]] const char* parse_addresses(unsigned family, mqtt::Bytes& rest);
  [[nodiscard]] const char* parse_fields(mqtt::Bytes all, mqtt::Bytes rest);
  [[nodiscard]] const char* parse_tls(mqtt::Bytes value);
  [[nodiscard]] Progress fail(const char* why) noexcept;

  mqtt::ByteBuffer seen_;
  ProxyHeader header_;
  const char* error_ = "";
  ProxyVersion version_;
};

}  // namespace transport
