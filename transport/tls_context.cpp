#include "transport/tls_context.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <limits>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "transport/text.h"
#include "transport/tls.h"
#include "transport/trusted_path.h"

namespace transport {

namespace {

Secrecy secrecy_of(const TlsOptions& options) {
  return options.refuse_open_secrets ? Secrecy::required : Secrecy::optional;
}

constexpr std::int64_t day_seconds = 86'400;
constexpr std::int64_t warned_seconds = 14 * day_seconds;  // before a certificate ends

std::unexpected<std::string> fault(const std::string& what) { return std::unexpected(what); }

/// "2026-03-01"
std::string date_of(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts)};
}

/// A name in the form that ALPN has it: its length, then its letters.
bool has_name(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const auto size = static_cast<unsigned char>(list.front());
    if (list.substr(1, size) == name) return true;
    list.remove_prefix(std::min<std::size_t>(list.size(), size + std::size_t{1}));
  }
  return false;
}

}  // namespace

/// OpenSSL's callbacks during a handshake, on the loop's thread.
struct TlsContext::Callbacks {
  static const TlsContext& of(const SSL* ssl) {
    return *static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  }

  /// Several certificates: the one that is for the host which the client asks for (RFC 6066).
  static int on_server_name(SSL* ssl, int* /*alert*/, void* /*nothing*/) {
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    const TlsContext& self = of(ssl);
    for (const auto& each : self.certificates_) {
      if (X509_check_host(each->certificate.get(), name, 0, 0, nullptr) != 1) continue;
      SSL_set_SSL_CTX(ssl, each->context.get());
      return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
  }

  /// ALPN (RFC 7301). Names that nobody here knows do no harm: some clients send those of their
  /// cloud. A browser on a port for MQTT is sent away, so that no page can make it talk to us.
  static int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                     const unsigned char* in, unsigned in_size, void* /*nothing*/) {
    static constexpr std::string_view mqtt = "mqtt";
    static constexpr std::string_view http = "http/1.1";
    const bool websockets = of(ssl).protocol_ == Protocol::websockets;
    const std::string_view offered(reinterpret_cast<const char*>(in), in_size);
    const std::string_view ours = websockets ? http : mqtt;
    if (has_name(offered, ours)) {
      *out = reinterpret_cast<const unsigned char*>(ours.data());
      *out_size = static_cast<unsigned char>(ours.size());
      return SSL_TLSEXT_ERR_OK;
    }
    const bool browser = has_name(offered, http) || has_name(offered, "h2");
    return !websockets && browser ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
  }

  /// The OCSP response of the certificate that was chosen, as long as it is fresh.
  static int on_status(SSL* ssl, void* certificate) {
    const auto& staple = static_cast<const Certificate*>(certificate)->staple;
    if (!staple) return SSL_TLSEXT_ERR_NOACK;
    if (staple->next_update != 0 && staple->next_update < std::time(nullptr)) {
      return SSL_TLSEXT_ERR_NOACK;
    }
    const std::size_t size = staple->response.size();
    void* const copy = OPENSSL_memdup(staple->response.data(), size);
    if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(size));  // takes it
    return SSL_TLSEXT_ERR_OK;
  }

  static unsigned on_psk(SSL* ssl, const char* identity, unsigned char* place,
                         unsigned place_size) {
    const std::vector<unsigned char>* const key = of(ssl).psk_.find(identity);
    if (key == nullptr || key->size() > place_size) return 0;
    std::ranges::copy(*key, place);
    static_cast<TlsFilter*>(SSL_get_app_data(ssl))->set_psk_identity(identity);
    return static_cast<unsigned>(key->size());
  }

  /// disable_client_cert_date_checks: of the client's own certificate, not of its authorities'.
  static int on_verify(int good, X509_STORE_CTX* verification) {
    if (good == 1 || X509_STORE_CTX_get_error_depth(verification) != 0) return good;
    const int error = X509_STORE_CTX_get_error(verification);
    if (error != X509_V_ERR_CERT_HAS_EXPIRED && error != X509_V_ERR_CERT_NOT_YET_VALID) return good;
    X509_STORE_CTX_set_error(verification, X509_V_OK);
    return 1;
  }

  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                       EVP_MAC_CTX* mac, int sealing) {
    TicketKeys& keys = of(ssl).tickets_;
    const auto now = TicketKeys::Clock::now();
    if (sealing == 0) {
      auto found = keys.find(name, now);
      if (!found) return 0;
      const bool ready = start(found->key, iv, cipher, mac, sealing);
      OPENSSL_cleanse(&found->key, sizeof found->key);
      if (!ready) return -1;
      return found->renew ? 2 : 1;
    }
    auto key = keys.newest(now);
    if (!key) return 0;
    std::ranges::copy(key->name, name);
    const bool ready = RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
                       start(*key, iv, cipher, mac, sealing);
    OPENSSL_cleanse(&*key, sizeof *key);
    return ready ? 1 : -1;
  }

  static bool start(TicketKeys::Key& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int sealing) {
    std::array<char, 7> digest = {"SHA256"};
    const std::array<OSSL_PARAM, 3> parameters = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, sealing) ==
               1;
  }

  /// One write for each line, so that those of several loops do not mix.
  static void on_secret(const SSL* ssl, const char* line) {
    const std::string text = std::string(line) + "\n";
    // Nobody can be told that a disk is full here; the log of secrets is for debugging only.
    if (::write(of(ssl).keylog_.get(), text.data(), text.size()) < 0) return;
  }
};

TlsContext::TlsContext(TlsOptions options, Protocol protocol)
    : options_(std::move(options)), protocol_(protocol) {}

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
    psk_ = std::move(*table);
  }
  if (options_.certificates.empty()) {
    auto context = make_context(store->get());
    if (!context) return fault(context.error());
    certificates_.push_back(std::make_unique<Certificate>());
    certificates_.back()->context = std::move(*context);
  }
  for (const TlsCertificateOptions& files : options_.certificates) {
    if (auto added = add_certificate(files, store->get()); !added) return added;
  }
  return add_staples();
}

std::expected<CertificateStorePtr, std::string> TlsContext::load_authorities() {
  CertificateStorePtr store(X509_STORE_new());
  const std::string& file = options_.ca_file;
  const std::string& path = options_.ca_path;
  ERR_clear_error();
  if (!file.empty()) {
    if (::access(file.c_str(), R_OK) != 0)
      return fault(file + ": cannot be opened: " + errno_text(errno));
    if (X509_STORE_load_file(store.get(), file.c_str()) != 1) {
      return fault(file + ": has no certificates in PEM form (" + take_openssl_error() + ")");
    }
  }
  if (!path.empty()) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), R_OK | X_OK) != 0) {
      return fault(path + ": cannot be opened: " + errno_text(errno));
    }
    if (!S_ISDIR(status.st_mode)) return fault(path + ": is not a folder; use cafile for a file");
    if (X509_STORE_load_path(store.get(), path.c_str()) != 1) {
      return fault(path + ": cannot be used as a folder of certificates (" + take_openssl_error() +
                   ")");
    }
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
    terms_.push_back({"revocation list " + options_.crl_file, 0, seconds_of(next), 0,
                      "every client certificate is refused"});
  }
  ERR_clear_error();
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

std::expected<void, std::string> TlsContext::add_certificate(const TlsCertificateOptions& files,
                                                             X509_STORE* store) {
  auto certificate = std::make_unique<Certificate>();
  auto context = make_context(store);
  if (!context) return fault(context.error());
  if (auto used = use_certificate(context->get(), files, *certificate); !used) return used;
  certificate->context = std::move(*context);
  SSL_CTX_set_tlsext_status_cb(certificate->context.get(), Callbacks::on_status);
  SSL_CTX_set_tlsext_status_arg(certificate->context.get(), certificate.get());
  certificates_.push_back(std::move(certificate));
  return {};
}

std::expected<void, std::string> TlsContext::use_certificate(SSL_CTX* context,
                                                             const TlsCertificateOptions& files,
                                                             Certificate& into) {
  auto chain = read_certificates(files.certificate_file);
  if (!chain) return fault(chain.error());
  const auto key = read_private_key(files.key_file, secrecy_of(options_));
  if (!key) return fault(key.error());
  if (X509_check_private_key(chain->certificate.get(), key->get()) != 1) {
    ERR_clear_error();
    return fault(files.key_file + ": is not the key of certificate " + files.certificate_file +
                 "; use the key that the certificate was made for");
  }
  if (SSL_CTX_use_certificate(context, chain->certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key->get()) != 1) {
    return fault(files.certificate_file + ": cannot be used (" + take_openssl_error() +
                 "); make a certificate with a stronger key or hash");
  }
  const auto add_term = [&](const X509* certificate, const char* which) {
    terms_.push_back({which + files.certificate_file, seconds_of(X509_get0_notBefore(certificate)),
                      seconds_of(X509_get0_notAfter(certificate)), warned_seconds,
                      "clients refuse it"});
  };
  add_term(chain->certificate.get(), "certificate ");
  for (const CertificatePtr& issuer : chain->issuers) {
    if (SSL_CTX_add1_chain_cert(context, issuer.get()) != 1) {
      return fault(files.certificate_file + ": an intermediate certificate cannot be used (" +
                   take_openssl_error() + ")");
    }
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
  SSL_CTX_set_app_data(tls, this);
  SSL_CTX_set_min_proto_version(tls, options_.tls1_3_only ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_dh_auto(tls, 1);
  SSL_CTX_set1_cert_store(tls, store);
  SSL_CTX_set_alpn_select_cb(tls, Callbacks::on_alpn, nullptr);
  if (options_.certificates.size() > 1) {
    SSL_CTX_set_tlsext_servername_callback(tls, Callbacks::on_server_name);
  }
  if (keylog_) SSL_CTX_set_keylog_callback(tls, Callbacks::on_secret);
  if (options_.certificates.empty()) {
    SSL_CTX_set_psk_server_callback(tls, Callbacks::on_psk);
    if (SSL_CTX_use_psk_identity_hint(tls, options_.psk_hint.c_str()) != 1) {
      return fault("'psk_hint' is longer than OpenSSL allows: " + take_openssl_error());
    }
  }
  set_tickets(tls);
  if (auto set = set_ciphers(tls); !set) return fault(set.error());
  if (auto asked = ask_for_certificates(tls); !asked) return fault(asked.error());
  return context;
}

std::expected<void, std::string> TlsContext::set_ciphers(SSL_CTX* context) const {
  const std::string& list = options_.ciphers;
  if (!list.empty() && SSL_CTX_set_cipher_list(context, list.c_str()) != 1) {
    ERR_clear_error();
    return fault("'ciphers' names none that OpenSSL has for TLS 1.2: " + list +
                 "; see: openssl ciphers -s -tls1_2");
  }
  const std::string& suites = options_.ciphers_tls1_3;
  if (!suites.empty() && SSL_CTX_set_ciphersuites(context, suites.c_str()) != 1) {
    ERR_clear_error();
    return fault("'ciphers_tls1.3' names one that OpenSSL does not have for TLS 1.3: " + suites +
                 "; see: openssl ciphers -s -tls1_3");
  }
  return {};
}

std::expected<void, std::string> TlsContext::ask_for_certificates(SSL_CTX* context) const {
  const bool has_authorities = !options_.ca_file.empty() || !options_.ca_path.empty();
  const bool wanted =
      options_.require_certificate || (options_.user_name != TlsUserName::none && has_authorities);
  if (options_.certificates.empty() || !wanted) return {};
  int mode = SSL_VERIFY_PEER;
  if (options_.require_certificate) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, mode,
                     options_.disable_client_cert_date_checks ? Callbacks::on_verify : nullptr);
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
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, Callbacks::on_ticket);
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
    const auto is_about = [&](const std::unique_ptr<Certificate>& each) {
      return each->certificate != nullptr &&
             std::ranges::count(staple->serials,
                                serial_of(X509_get0_serialNumber(each->certificate.get()))) > 0;
    };
    const auto found = std::ranges::find_if(certificates_, is_about);
    if (found == certificates_.end()) {
      return fault(file +
                   ": is about none of this listener's certificates; fetch it anew for one "
                   "of them");
    }
    if (staple->next_update != 0) {
      terms_.push_back(
          {"OCSP response " + file, 0, staple->next_update, 0, "it is not sent to clients"});
    }
    (*found)->staple = std::move(*staple);
  }
  return {};
}

std::expected<void, std::string> TlsContext::open_keylog() {
  const std::string& path = options_.keylog_file;
  if (path.empty()) return {};
  auto opened = open_trusted(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  keylog_ = std::move(opened.file);
  if (keylog_) return {};
  return fault(path + ": cannot be opened for TLS secrets: " + describe_open_error(opened.error));
}

SslPtr TlsContext::make_ssl() const {
  SslPtr ssl(SSL_new(certificates_.front()->context.get()));
  if (ssl != nullptr) SSL_set_accept_state(ssl.get());
  return ssl;
}

std::optional<std::int64_t> TlsContext::ends() const {
  std::optional<std::int64_t> first;
  for (const auto& each : certificates_) {
    if (each->certificate == nullptr) continue;
    const std::int64_t end = seconds_of(X509_get0_notAfter(each->certificate.get()));
    first = std::min(first.value_or(std::numeric_limits<std::int64_t>::max()), end);
  }
  return first;
}

std::vector<std::string> TlsContext::warnings(std::int64_t now_seconds) const {
  std::vector<std::string> warnings;
  for (const Term& term : terms_) {
    const std::int64_t left_seconds = term.ends - now_seconds;
    if (term.begins > now_seconds) {
      warnings.push_back(term.what + " is not valid before " + date_of(term.begins));
    } else if (left_seconds < 0) {
      warnings.push_back(term.what + " ended on " + date_of(term.ends) + ": " +
                         std::string(term.afterwards) + "; renew it");
    } else if (left_seconds < term.warned_seconds) {
      warnings.push_back(term.what + " ends on " + date_of(term.ends) + ", in " +
                         std::to_string(left_seconds / day_seconds) + " days: then " +
                         std::string(term.afterwards) + "; renew it");
    }
  }
  return warnings;
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
