#include "transport/link/tls.h"

#include <algorithm>
#include <cassert>
#include <fcntl.h>
#include <memory>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "transport/link/ocsp.h"
#include "transport/peer_address.h"
#include "transport/tls_setup.h"
#include "transport/trusted_path.h"

namespace transport {
namespace {

using Done = std::expected<void, std::string>;

constexpr std::size_t alpn_name_bytes_max = 255;
constexpr std::size_t psk_key_bytes_max = 256;

/// Frees memory of OpenSSL's that holds a key.
struct KeyBytesFree {
  long size = 0;
  void operator()(unsigned char* bytes) const noexcept {
    OPENSSL_clear_free(bytes, static_cast<std::size_t>(size));
  }
};
using KeyBytes = std::unique_ptr<unsigned char, KeyBytesFree>;

KeyBytes key_bytes(const std::string& hexadecimal) {
  long size = 0;
  unsigned char* const bytes = OPENSSL_hexstr2buf(hexadecimal.c_str(), &size);
  ERR_clear_error();
  return {bytes, KeyBytesFree{size}};
}

Done check_psk(const LinkTlsOptions& options) {
  if (options.psk_identity.empty() && options.psk_key.empty()) return {};
  if (options.psk_identity.empty()) return std::unexpected("a PSK key needs a PSK identity");
  const KeyBytes key = key_bytes(options.psk_key);
  if (key == nullptr || key.get_deleter().size == 0) {
    return std::unexpected("the PSK key is not in hexadecimal, two digits for each byte");
  }
  if (key.get_deleter().size > static_cast<long>(psk_key_bytes_max)) {
    return std::unexpected("the PSK key has more than 256 bytes");
  }
  if (!options.certificate_file.empty() || !options.ca_file.empty() || !options.ca_path.empty()) {
    return std::unexpected("PSK takes the place of certificates: use one of the two");
  }
  return {};
}

unsigned on_psk(SSL* ssl, const char* /*hint*/, char* identity, unsigned identity_size,
                unsigned char* place, unsigned place_size) {
  const auto& options =
      static_cast<const LinkTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->options();
  const KeyBytes key = key_bytes(options.psk_key);
  const auto size = static_cast<std::size_t>(key.get_deleter().size);
  if (key == nullptr || size > place_size || options.psk_identity.size() >= identity_size) {
    return 0;
  }
  options.psk_identity.copy(identity, identity_size - 1);
  identity[options.psk_identity.size()] = '\0';
  std::copy_n(key.get(), size, place);
  return static_cast<unsigned>(size);
}

Done trust(SSL_CTX* context, const LinkTlsOptions& options) {
  if (!options.psk_identity.empty()) return {};  // a certificate would be trusted by nobody
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  if (auto added = add_authorities(store, options.ca_file, options.ca_path); !added) return added;
  const bool has_own = !options.ca_file.empty() || !options.ca_path.empty();
  if (options.system_authorities || !has_own) SSL_CTX_set_default_verify_paths(context);
  ERR_clear_error();
  return {};
}

Done use_certificate(SSL_CTX* context, const LinkTlsOptions& options) {
  if (options.certificate_file.empty() && options.key_file.empty()) return {};
  if (options.certificate_file.empty()) {
    return std::unexpected(options.key_file + ": a key needs the certificate that it is for");
  }
  if (options.key_file.empty()) {
    return std::unexpected(options.certificate_file + ": a certificate needs the file of its key");
  }
  const auto used =
      use_key_pair(context, options.certificate_file, options.key_file, Secrecy::optional);
  return used ? Done() : std::unexpected(used.error());
}

Done set_protocols(SSL_CTX* context, const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > alpn_name_bytes_max) {
      return std::unexpected("a name of ALPN has 1 to 255 bytes");
    }
    list += static_cast<char>(name.size());
    list += name;
  }
  if (list.empty()) return {};
  const auto* const bytes = reinterpret_cast<const unsigned char*>(list.data());
  const int failed = SSL_CTX_set_alpn_protos(context, bytes, static_cast<unsigned>(list.size()));
  return failed == 0 ? Done() : std::unexpected("the names of ALPN are too many");
}

Done prepare(SSL_CTX* context, const LinkTlsOptions& options) {
  SSL_CTX_set_min_proto_version(context, options.tls1_3_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, options.check_certificate ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                     nullptr);
  if (options.require_ocsp) require_ocsp(context);
  if (auto checked = check_psk(options); !checked) return checked;
  if (!options.psk_identity.empty()) SSL_CTX_set_psk_client_callback(context, on_psk);
  if (auto trusted = trust(context, options); !trusted) return trusted;
  if (auto used = use_certificate(context, options); !used) return used;
  if (auto set = set_protocols(context, options.alpn); !set) return set;
  return set_ciphers(context, options.ciphers, options.ciphers_tls1_3);
}

}  // namespace

std::expected<std::shared_ptr<const LinkTls>, std::string> LinkTls::load(
    const LinkTlsOptions& options) {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) {
    return std::unexpected("OpenSSL cannot start: " + take_openssl_error());
  }
  if (auto prepared = prepare(context.get(), options); !prepared) {
    return std::unexpected(prepared.error());
  }
  std::shared_ptr<LinkTls> tls(new LinkTls(options, std::move(context)));
  SSL_CTX_set_app_data(tls->context_.get(), tls.get());
  if (auto opened = tls->open_keylog(); !opened) return std::unexpected(opened.error());
  return tls;
}

Done LinkTls::open_keylog() {
  const std::string& path = options_.keylog_file;
  if (path.empty()) return {};
  auto opened = open_trusted(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (!opened.file) {
    return std::unexpected(
        path + ": cannot be opened for TLS secrets: " + describe_open_error(opened.error));
  }
  keylog_ = std::move(opened.file);
  SSL_CTX_set_keylog_callback(context_.get(), [](const SSL* ssl, const char* line) {
    const std::string text = std::string(line) + "\n";
    const auto* const tls = static_cast<const LinkTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    // A full disk cannot be told from here; the file is for debugging only.
    if (::write(tls->keylog_.get(), text.data(), text.size()) < 0) return;
  });
  return {};
}

std::vector<std::string> LinkTls::warnings() const {
  std::vector<std::string> warnings;
  if (!options_.psk_identity.empty()) return warnings;
  if (!options_.check_certificate) {
    warnings.emplace_back(
        "the server's certificate is not checked: whoever is on the way can read and change "
        "everything");
  } else if (!options_.check_host_name) {
    warnings.emplace_back(
        "the host name in the server's certificate is not checked: whoever has a certificate of a "
        "trusted authority can read and change everything");
  }
  return warnings;
}

const std::string& LinkTls::name_of(const std::string& host) const noexcept {
  return options_.server_name.empty() ? host : options_.server_name;
}

SslPtr LinkTls::make_ssl(const std::string& host) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (ssl == nullptr) return ssl;
  SSL_set_connect_state(ssl.get());
  const std::string& name = name_of(host);
  const bool is_address = PeerAddress::parse(name).has_value();
  // An address is no server name (RFC 6066, section 3).
  if (!is_address && !name.empty()) {
    SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  }
  const bool has_certificate = options_.psk_identity.empty();
  if (!options_.check_host_name || !options_.check_certificate || !has_certificate) return ssl;
  X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str())
                             : X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size());
  if (set != 1) ssl.reset();  // never without the check
  return ssl;
}

}  // namespace transport
