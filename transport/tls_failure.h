// transport/tls_failure.h
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace transport {

/// Why TLS with a client failed.
enum class TlsFailure : std::uint8_t {
  alert,                ///< the client sent an alert: it does not accept the broker
  certificate_refused,  ///< the client's
  certificate_missing,  ///< of the client, and one is required
  version,              ///< no version of TLS in common
  cipher,               ///< no cipher in common
  no_tls,               ///< the bytes are something else
  psk_identity,         ///< unknown
  other,
};
inline constexpr std::array<std::string_view, 8> tls_failure_names = {"alert",
                                                                      "certificate_refused",
                                                                      "certificate_missing",
                                                                      "version",
                                                                      "cipher",
                                                                      "no_tls",
                                                                      "psk_identity",
                                                                      "other"};

}  // namespace transport
