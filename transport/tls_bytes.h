// transport/tls_bytes.h
#pragma once

#include <string_view>

#include "broker/wire/bytes.h"
#include "transport/openssl.h"

namespace transport {

/// The memory that an SSL reads from and writes to in place of a socket, while a call of it is
/// under way: OpenSSL's BIO for it has none of its own, so a byte is copied once each way, besides
/// its cipher.
struct TlsBytes {
  mqtt::Bytes input{};                 // bytes that are read leave it
  mqtt::ByteBuffer* output = nullptr;  // is appended to; not null while OpenSSL may write
};

/// Makes `ssl` read from and write to `bytes`, which has to outlive it, and to stay in its place.
///
/// Returns   False: out of memory.
[[nodiscard]] bool use_bytes(SSL* ssl, TlsBytes& bytes);

/// The alert of the peer that an error of OpenSSL's reports: "unknown ca", say. Empty if it is
/// another error.
[[nodiscard]] std::string_view alert_text(int reason) noexcept;

}  // namespace transport
