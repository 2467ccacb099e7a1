#include "transport/link/tls.h"

namespace transport {

std::expected<std::shared_ptr<const LinkTls>, std::string> LinkTls::load(
    const LinkTlsOptions& /*options*/) {
  return std::unexpected(std::string("TLS as a client is not built in"));
}

std::vector<std::string> LinkTls::warnings() const { return {}; }

SslPtr LinkTls::make_ssl(const std::string& /*host*/) const { return nullptr; }

}  // namespace transport
