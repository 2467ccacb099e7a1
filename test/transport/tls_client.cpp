#include "test/transport/tls_client.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <openssl/err.h>

namespace transport {

namespace {

unsigned give_psk(SSL* ssl, const char* /*hint*/, char* identity, unsigned identity_size,
                  unsigned char* key, unsigned key_size) {
  const auto& options = *static_cast<const TlsClientOptions*>(SSL_get_app_data(ssl));
  if (options.psk_identity.size() >= identity_size || options.psk.size() > key_size) return 0;
  identity[options.psk_identity.copy(identity, identity_size - 1)] = '\0';
  std::ranges::copy(options.psk, key);
  return static_cast<unsigned>(options.psk.size());
}

}  // namespace

TlsClient::TlsClient(const TlsClientOptions& options)
    : options_(options), context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX* const context = context_.get();
  if (options.version != 0) {
    SSL_CTX_set_min_proto_version(context, options.version);
    SSL_CTX_set_max_proto_version(context, options.version);
    if (options.version < TLS1_2_VERSION) SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
  }
  if (options.authority != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), options.authority->certificate.get());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (options.certificate != nullptr) {
    REQUIRE(SSL_CTX_use_certificate(context, options.certificate->certificate.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context, options.certificate->key.get()) == 1);
  }
  if (!options.psk.empty()) SSL_CTX_set_psk_client_callback(context, give_psk);
  ssl_.reset(SSL_new(context));
  SSL_set_app_data(ssl_.get(), &options_);
  if (!options.host.empty()) {
    SSL_set_tlsext_host_name(ssl_.get(), options.host.c_str());
    if (options.authority != nullptr) SSL_set1_host(ssl_.get(), options.host.c_str());
  }
  std::string list;
  for (const std::string& name : options.protocols) {
    list += static_cast<char>(name.size());
    list += name;
  }
  SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(list.data()),
                      static_cast<unsigned>(list.size()));
  if (options.ask_for_status) SSL_set_tlsext_status_type(ssl_.get(), TLSEXT_STATUSTYPE_ocsp);
  if (options.session != nullptr) SSL_set_session(ssl_.get(), options.session);
  in_ = BIO_new(BIO_s_mem());
  out_ = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl_.get(), in_, out_);
  SSL_set_connect_state(ssl_.get());
  step();
}

void TlsClient::step() {
  std::array<char, 4096> buffer;
  for (;;) {
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (count > 0) {
      plain_.append(buffer.data(), static_cast<std::size_t>(count));
      continue;
    }
    if (SSL_get_error(ssl_.get(), count) == SSL_ERROR_SSL && error_.empty()) {
      error_ = take_openssl_error();
    }
    ERR_clear_error();
    return;
  }
}

void TlsClient::receive(std::string_view bytes) {
  BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
  step();
}

std::string TlsClient::take() {
  std::string bytes(BIO_ctrl_pending(out_), '\0');
  BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

void TlsClient::write(std::string_view plain) {
  REQUIRE(SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())) ==
          static_cast<int>(plain.size()));
}

std::string TlsClient::read() { return std::exchange(plain_, {}); }

std::string TlsClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsClient::peer_name() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return {};
  std::array<char, 200> text{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                            static_cast<int>(text.size()));
  return text.data();
}

std::string TlsClient::status() const {
  const unsigned char* bytes = nullptr;
  const long size = SSL_get_tlsext_status_ocsp_resp(ssl_.get(), &bytes);
  return size <= 0
             ? std::string()
             : std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

}  // namespace transport
