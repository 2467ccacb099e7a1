// transport/tls_credentials.h
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "transport/descriptor.h"
#include "transport/openssl.h"
#include "transport/options.h"
#include "transport/tls_files.h"
#include "transport/tls_tickets.h"

namespace transport {

/// One certificate of a server, ready for handshakes.
struct TlsCertificate {
  SslContextPtr context;
  CertificatePtr certificate;  // null: TLS-PSK
  std::optional<OcspStaple> staple;
};

/// All that handshakes of a listener draw on: see TlsCallbacks.
///
/// Invariant  The first certificate is the default. Without certificates its context is there
/// alone,
///            for TLS-PSK.
/// Lifetime   Stays where it is, and outlives every connection: it is the data of each context.
/// Threads    Any, once filled.
struct TlsCredentials {
  explicit TlsCredentials(Protocol of_listener) : protocol(of_listener) {}

  Protocol protocol;
  std::vector<std::unique_ptr<TlsCertificate>> certificates;
  PskTable psk;
  Descriptor keylog;           // for secrets of connections; none: they are kept
  mutable TicketKeys tickets;  // has a lock of its own
};

}  // namespace transport
