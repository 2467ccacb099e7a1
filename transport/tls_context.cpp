#include "transport/tls_context.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <limits>
#include <openssl/err.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "transport/text.h"
#include "transport/tls_callbacks.h"
#include "transport/tls_setup.h"
#include "transport/trusted_path.h"

namespace transport {

namespace {

Secrecy secrecy_of(const TlsOptions& options) {
  return options.refuse_open_secrets ? Secrecy::required : Secrecy::optional;
}

std::unexpected<std::string> fault(const std::string& what) { return std::unexpected(what); }

}  // namespace

TlsContext::TlsContext(TlsOptions options, Protocol protocol)
    : options_(std::move(options)), credentials_(protocol) {}

std::expected<std::shared_ptr<const TlsContext>, std::string> TlsContext::load(
    const TlsOptions& options, Protocol protocol) {
  std::shared_ptr<TlsContext> context(new TlsContext(options, protocol));
  if (auto loaded = context->load_files(); !loaded) return std::unexpected(loaded.error());
  return context;
}

std::expected<void, std::string> TlsContext::load_files() {
  if (auto opened = open_keylog(); !opened) return opened;
  auto store = load_authorities();
  if (!store) return fault(store.error());
  if (!options_.psk_file.empty()) {
    auto table = read_psk_file(options_.psk_file, secrecy_of(options_));
    if (!table) return fault(table.error());
    credentials_.psk = std::move(*table);
  }
  if (options_.certificates.empty()) {
    auto context = make_context(store->get());
    if (!context) return fault(context.error());
    credentials_.certificates.push_back(std::make_unique<TlsCertificate>());
    credentials_.certificates.back()->context = std::move(*context);
  }
  for (const TlsCertificateOptions& files : options_.certificates) {
    if (auto added = add_certificate(files, store->get()); !added) return added;
  }
  return add_staples();
}

std::expected<CertificateStorePtr, std::string> TlsContext::load_authorities() {
  CertificateStorePtr store(X509_STORE_new());
  if (auto added = add_authorities(store.get(), options_.ca_file, options_.ca_path); !added) {
    return fault(added.error());
  }
  if (auto added = add_revocation_lists(store.get()); !added) return fault(added.error());
  return store;
}

std::expected<void, std::string> TlsContext::add_revocation_lists(X509_STORE* store) {
  if (options_.crl_file.empty()) return {};
  const auto lists = read_revocation_lists(options_.crl_file);
  if (!lists) return fault(lists.error());
  for (const RevocationListPtr& list : *lists) {
    X509_STORE_add_crl(store, list.get());
    const ASN1_TIME* const next = X509_CRL_get0_nextUpdate(list.get());
    if (next == nullptr) continue;
    terms_.add({"revocation list " + options_.crl_file, 0, seconds_of(next), 0,
                "every client certificate is refused"});
  }
  ERR_clear_error();
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

std::expected<void, std::string> TlsContext::add_certificate(const TlsCertificateOptions& files,
                                                             X509_STORE* store) {
  auto certificate = std::make_unique<TlsCertificate>();
  auto context = make_context(store);
  if (!context) return fault(context.error());
  if (auto used = use_certificate(context->get(), files, *certificate); !used) return used;
  certificate->context = std::move(*context);
  SSL_CTX_set_tlsext_status_cb(certificate->context.get(), TlsCallbacks::on_status);
  SSL_CTX_set_tlsext_status_arg(certificate->context.get(), certificate.get());
  credentials_.certificates.push_back(std::move(certificate));
  return {};
}

std::expected<void, std::string> TlsContext::use_certificate(SSL_CTX* context,
                                                             const TlsCertificateOptions& files,
                                                             TlsCertificate& into) {
  auto chain = use_key_pair(context, files.certificate_file, files.key_file, secrecy_of(options_));
  if (!chain) return fault(chain.error());
  const auto add_term = [&](const X509* certificate, const char* which) {
    terms_.add_certificate(which + files.certificate_file,
                           seconds_of(X509_get0_notBefore(certificate)),
                           seconds_of(X509_get0_notAfter(certificate)));
  };
  add_term(chain->certificate.get(), "certificate ");
  for (const CertificatePtr& issuer : chain->issuers) {
    add_term(issuer.get(), "intermediate certificate in ");
  }
  if (chain->issuers.empty()) {
    // Mosquitto completes a chain from cafile at every handshake; once is enough.
    SSL_CTX_build_cert_chain(context, SSL_BUILD_CHAIN_FLAG_NO_ROOT |
                                          SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR |
                                          SSL_BUILD_CHAIN_FLAG_CLEAR_ERROR);
    ERR_clear_error();
  }
  into.certificate = std::move(chain->certificate);
  return {};
}

std::expected<SslContextPtr, std::string> TlsContext::make_context(X509_STORE* store) {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return fault("OpenSSL cannot start: " + take_openssl_error());
  SSL_CTX* const tls = context.get();
  TlsCallbacks::set_credentials(tls, credentials_);
  SSL_CTX_set_min_proto_version(tls, options_.tls1_3_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_dh_auto(tls, 1);
  SSL_CTX_set1_cert_store(tls, store);
  SSL_CTX_set_alpn_select_cb(tls, TlsCallbacks::on_alpn, nullptr);
  if (options_.certificates.size() > 1) {
    SSL_CTX_set_tlsext_servername_callback(tls, TlsCallbacks::on_server_name);
  }
  if (credentials_.keylog) SSL_CTX_set_keylog_callback(tls, TlsCallbacks::on_secret);
  if (options_.certificates.empty()) {
    SSL_CTX_set_psk_server_callback(tls, TlsCallbacks::on_psk);
    if (SSL_CTX_use_psk_identity_hint(tls, options_.psk_hint.c_str()) != 1) {
      return fault("'psk_hint' is longer than OpenSSL allows: " + take_openssl_error());
    }
  }
  set_tickets(tls);
  if (auto set = set_ciphers(tls, options_.ciphers, options_.ciphers_tls1_3); !set) {
    return fault(set.error());
  }
  if (auto asked = ask_for_certificates(tls); !asked) return fault(asked.error());
  return context;
}

std::expected<void, std::string> TlsContext::ask_for_certificates(SSL_CTX* context) const {
  const bool has_authorities = !options_.ca_file.empty() || !options_.ca_path.empty();
  const bool wanted =
      options_.require_certificate || (options_.user_name != TlsUserName::none && has_authorities);
  if (options_.certificates.empty() || !wanted) return {};
  int mode = SSL_VERIFY_PEER;
  if (options_.require_certificate) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, mode,
                     options_.disable_client_cert_date_checks ? TlsCallbacks::on_verify : nullptr);
  if (options_.ca_file.empty()) return {};
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(options_.ca_file.c_str());
  if (names == nullptr) {
    return fault(options_.ca_file + ": has no names of authorities (" + take_openssl_error() + ")");
  }
  SSL_CTX_set_client_CA_list(context, names);  // takes them
  return {};
}

/// Sessions live in tickets that clients keep, never in memory here. A PSK handshake is as cheap as
/// a resumed one.
void TlsContext::set_tickets(SSL_CTX* context) const {
  constexpr std::array<unsigned char, 6> session_context = {'d', 'a', 'r', 't', 'e', 'r'};
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context, session_context.data(), session_context.size());
  SSL_CTX_set_timeout(context, static_cast<long>(TicketKeys::lifetime.count()));
  if (options_.session_tickets && !options_.certificates.empty()) {
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, TlsCallbacks::on_ticket);
    SSL_CTX_set_num_tickets(context, 1);
  } else {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
  }
}

/// Gives each OCSP response to the certificate that it is about.
std::expected<void, std::string> TlsContext::add_staples() {
  for (const std::string& file : options_.ocsp_files) {
    auto staple = read_ocsp_response(file);
    if (!staple) return fault(staple.error());
    const auto is_about = [&](const std::unique_ptr<TlsCertificate>& each) {
      return each->certificate != nullptr &&
             std::ranges::count(staple->serials,
                                serial_of(X509_get0_serialNumber(each->certificate.get()))) > 0;
    };
    const auto found = std::ranges::find_if(credentials_.certificates, is_about);
    if (found == credentials_.certificates.end()) {
      return fault(file +
                   ": is about none of this listener's certificates; fetch it anew for one "
                   "of them");
    }
    if (staple->next_update != 0) {
      terms_.add({"OCSP response " + file, 0, staple->next_update, 0, "it is not sent to clients"});
    }
    (*found)->staple = std::move(*staple);
  }
  return {};
}

std::expected<void, std::string> TlsContext::open_keylog() {
  const std::string& path = options_.keylog_file;
  if (path.empty()) return {};
  auto opened = open_trusted(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  credentials_.keylog = std::move(opened.file);
  if (credentials_.keylog) return {};
  return fault(path + ": cannot be opened for TLS secrets: " + describe_open_error(opened.error));
}

SslPtr TlsContext::make_ssl() const {
  SslPtr ssl(SSL_new(credentials_.certificates.front()->context.get()));
  if (ssl != nullptr) SSL_set_accept_state(ssl.get());
  return ssl;
}

std::optional<std::int64_t> TlsContext::ends() const {
  std::optional<std::int64_t> first;
  for (const auto& each : credentials_.certificates) {
    if (each->certificate == nullptr) continue;
    const std::int64_t end = seconds_of(X509_get0_notAfter(each->certificate.get()));
    first = std::min(first.value_or(std::numeric_limits<std::int64_t>::max()), end);
  }
  return first;
}

std::vector<std::string> TlsContext::files() const {
  std::vector<std::string> files = options_.ocsp_files;
  for (const TlsCertificateOptions& each : options_.certificates) {
    files.push_back(each.certificate_file);
    files.push_back(each.key_file);
  }
  for (const std::string* file :
       {&options_.ca_file, &options_.ca_path, &options_.crl_file, &options_.psk_file}) {
    if (!file->empty()) files.push_back(*file);
  }
  return files;
}

}  // namespace transport
