#pragma once

#include <string>

#include "transport/openssl.h"

namespace transport {

/// Why the OCSP answer that a server has stapled to its certificate does not prove that the
/// certificate is good; empty: it does.
///
/// Requires  The server's certificate has come, and was asked about.
/// Returns   The end of a sentence, without its full stop.
/// Source    RFC 6960, section 3.2: the answer is of the issuer or of a responder that it has
///           appointed, is about this certificate, and is current. Mosquitto asks for the same, but
///           takes an answer about another certificate.
[[nodiscard]] std::string ocsp_objection(const SSL* ssl);

/// Has every connection of a context fail unless such an answer comes.
void require_ocsp(SSL_CTX* context);

}  // namespace transport
