#include "transport/tls_callbacks.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "transport/tls.h"

namespace transport {

namespace {

const TlsCredentials& credentials_of(const SSL* ssl) {
  return *static_cast<const TlsCredentials*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
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

/// For a ticket.
bool start_cipher(TicketKeys::Key& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int sealing) {
  std::array<char, 7> digest = {"SHA256"};
  const std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1 &&
         EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, sealing) == 1;
}

}  // namespace

void TlsCallbacks::set_credentials(SSL_CTX* context, const TlsCredentials& credentials) {
  SSL_CTX_set_app_data(context, const_cast<TlsCredentials*>(&credentials));  // the C interface
}

int TlsCallbacks::on_server_name(SSL* ssl, int* /*alert*/, void* /*nothing*/) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const TlsCredentials& self = credentials_of(ssl);
  for (const auto& each : self.certificates) {
    if (X509_check_host(each->certificate.get(), name, 0, 0, nullptr) != 1) continue;
    SSL_set_SSL_CTX(ssl, each->context.get());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

int TlsCallbacks::on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                          const unsigned char* in, unsigned in_size, void* /*nothing*/) {
  static constexpr std::string_view mqtt = "mqtt";
  static constexpr std::string_view http = "http/1.1";
  const bool speaks_http = transport::speaks_http(credentials_of(ssl).protocol);
  const std::string_view offered(reinterpret_cast<const char*>(in), in_size);
  const std::string_view ours = speaks_http ? http : mqtt;
  if (has_name(offered, ours)) {
    *out = reinterpret_cast<const unsigned char*>(ours.data());
    *out_size = static_cast<unsigned char>(ours.size());
    return SSL_TLSEXT_ERR_OK;
  }
  const bool browser = has_name(offered, http) || has_name(offered, "h2");
  return !speaks_http && browser ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

int TlsCallbacks::on_status(SSL* ssl, void* certificate) {
  const auto& staple = static_cast<const TlsCertificate*>(certificate)->staple;
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

unsigned TlsCallbacks::on_psk(SSL* ssl, const char* identity, unsigned char* place,
                              unsigned place_size) {
  const std::vector<unsigned char>* const key = credentials_of(ssl).psk.find(identity);
  if (key == nullptr || key->size() > place_size) return 0;
  std::ranges::copy(*key, place);
  static_cast<TlsFilter*>(SSL_get_app_data(ssl))->set_psk_identity(identity);
  return static_cast<unsigned>(key->size());
}

int TlsCallbacks::on_verify(int good, X509_STORE_CTX* verification) {
  if (good == 1 || X509_STORE_CTX_get_error_depth(verification) != 0) return good;
  const int error = X509_STORE_CTX_get_error(verification);
  if (error != X509_V_ERR_CERT_HAS_EXPIRED && error != X509_V_ERR_CERT_NOT_YET_VALID) return good;
  X509_STORE_CTX_set_error(verification, X509_V_OK);
  return 1;
}

int TlsCallbacks::on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv,
                            EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
  TicketKeys& keys = credentials_of(ssl).tickets;
  const auto now = TicketKeys::Clock::now();
  if (sealing == 0) {
    auto found = keys.find(name, now);
    if (!found) return 0;
    const bool ready = start_cipher(found->key, iv, cipher, mac, sealing);
    OPENSSL_cleanse(&found->key, sizeof found->key);
    if (!ready) return -1;
    return found->renew ? 2 : 1;
  }
  auto key = keys.newest(now);
  if (!key) return 0;
  std::ranges::copy(key->name, name);
  const bool ready = RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
                     start_cipher(*key, iv, cipher, mac, sealing);
  OPENSSL_cleanse(&*key, sizeof *key);
  return ready ? 1 : -1;
}

void TlsCallbacks::on_secret(const SSL* ssl, const char* line) {
  const std::string text = std::string(line) + "\n";
  // A full disk cannot be told from here; the log of secrets is for debugging only.
  if (::write(credentials_of(ssl).keylog.get(), text.data(), text.size()) < 0) return;
}

}  // namespace transport
