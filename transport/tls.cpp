#include "transport/tls.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <utility>

namespace transport {

namespace {

/// Printable UTF-8 of an attribute; nothing if it is empty or has control characters, which no
/// user name may have.
std::optional<std::string> text_of(const ASN1_STRING* value) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  if (size < 0) {
    ERR_clear_error();
    return std::nullopt;
  }
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  const bool bad = std::ranges::any_of(text, [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F;
  });
  if (text.empty() || bad) return std::nullopt;
  return text;
}

std::optional<std::string> common_name_of(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return std::nullopt;
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

std::optional<std::string> subject_of(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return std::nullopt;
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  if (size <= 0) return std::nullopt;
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace

TlsFilter::TlsFilter(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)), ssl_(context_->make_ssl()) {
  if (ssl_ == nullptr || !use_bytes(ssl_.get(), bytes_)) {
    fail();
    return;
  }
  SSL_set_app_data(ssl_.get(), this);
}

TlsFilter::~TlsFilter() = default;

std::span<std::byte> TlsFilter::read(mqtt::Bytes bytes, std::span<std::byte> place,
                                     mqtt::ByteBuffer& replies) {
  assert(place.size() >= bytes.size() + held_bytes_max);
  bytes_.input = bytes;
  bytes_.output = &replies;
  std::size_t have = 0;
  while ((state_ == State::handshake || state_ == State::open) && have < place.size()) {
    std::size_t count = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), place.data() + have, place.size() - have, &count);
    have += count;
    if (result != 1 && !go_on(SSL_get_error(ssl_.get(), result))) break;
    // To ask once more only to hear that there is nothing would cost as much as a small record.
    if (state_ == State::open && bytes_.input.empty() && SSL_has_pending(ssl_.get()) == 0) break;
  }
  bytes_.input = {};
  bytes_.output = nullptr;
  return place.first(have);
}

/// Whether there may be more to read, after a call that read nothing.
bool TlsFilter::go_on(int error) {
  if (error == SSL_ERROR_WANT_READ) {
    if (SSL_is_init_finished(ssl_.get()) == 1) state_ = State::open;
    return false;
  }
  if (error == SSL_ERROR_ZERO_RETURN) {
    state_ = State::ended;
    return false;
  }
  fail();
  return false;
}

void TlsFilter::fail() {
  state_ = State::failed;
  const int reason = ERR_GET_REASON(ERR_peek_error());
  why_ = take_openssl_error();
  if (const std::string_view alert = alert_text(reason); !alert.empty()) {
    failure_ = TlsFailure::alert;
    why_ = "the client sent the alert \"" + std::string(alert) + "\"";
  } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && ssl_ != nullptr) {
    failure_ = TlsFailure::certificate_refused;
    why_ = "the client's certificate is refused: " +
           std::string(X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get())));
  } else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    failure_ = TlsFailure::certificate_missing;
    why_ = "the client has no certificate, and one is required";
  } else if (reason == SSL_R_UNSUPPORTED_PROTOCOL) {
    failure_ = TlsFailure::version;
    why_ = "the client speaks no version of TLS that is allowed here";
  } else if (reason == SSL_R_NO_SHARED_CIPHER) {
    failure_ = TlsFailure::cipher;
    why_ = "the client has no cipher that is allowed here and fits the certificate";
  } else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST) {
    failure_ = TlsFailure::no_tls;
    why_ = "what the client sent is not TLS";
  } else if (reason == SSL_R_PSK_IDENTITY_NOT_FOUND ||
             (reason == SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM && psk_identity_.empty() &&
              context_->options().certificates.empty())) {
    failure_ = TlsFailure::psk_identity;
    why_ = "no PSK identity that the client named is in psk_file";
  } else if (why_.empty()) {
    why_ = "of an error inside OpenSSL";
  }
}

bool TlsFilter::write(mqtt::Bytes plain, mqtt::ByteBuffer& to) {
  if (state_ == State::failed || state_ == State::handshake) return false;
  if (plain.empty()) return true;
  bytes_.output = &to;
  ERR_clear_error();
  std::size_t written = 0;
  const bool whole = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written) == 1;
  bytes_.output = nullptr;
  if (!whole) ERR_clear_error();
  return whole && written == plain.size();
}

void TlsFilter::close(mqtt::ByteBuffer& to) {
  if (state_ == State::failed || state_ == State::handshake) return;
  if ((SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  bytes_.output = &to;
  SSL_shutdown(ssl_.get());
  bytes_.output = nullptr;
  ERR_clear_error();
}

std::optional<std::string> TlsFilter::user_name() const {
  const TlsUserName kind = context_->options().user_name;
  const bool shaken = state_ == State::open || state_ == State::ended;
  if (kind == TlsUserName::none || !shaken) return std::nullopt;
  if (!psk_identity_.empty()) return psk_identity_;
  // Of a resumed session it comes from the ticket, which holds the certificate.
  const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) {
    return std::nullopt;
  }
  const X509_NAME* const name = X509_get_subject_name(certificate);
  return kind == TlsUserName::identity ? common_name_of(name) : subject_of(name);
}

std::string_view TlsFilter::missing_name() const noexcept {
  if (context_->options().user_name == TlsUserName::none) return {};
  if (SSL_get0_peer_certificate(ssl_.get()) == nullptr) return "it has no certificate";
  if (SSL_get_verify_result(ssl_.get()) != X509_V_OK) return "its certificate is not valid";
  return context_->options().user_name == TlsUserName::identity
             ? "its certificate has no common name (CN) that can be a user name"
             : "its certificate has no subject that can be a user name";
}

std::string TlsFilter::description() const {
  return std::string(SSL_get_version(ssl_.get())) + " cipher " + SSL_get_cipher_name(ssl_.get());
}

bool TlsFilter::resumed() const noexcept { return SSL_session_reused(ssl_.get()) == 1; }

void TlsRecords::put(mqtt::Bytes bytes) {
  while (!bytes.empty()) {
    if (size_ == 0 && bytes.size() >= record_bytes) {
      const std::size_t whole = bytes.size() - bytes.size() % record_bytes;
      seal(bytes.first(whole));
      bytes = bytes.subspan(whole);
      continue;
    }
    assert(size_ < record_bytes);
    const std::size_t count = std::min(record_bytes - size_, bytes.size());
    std::memcpy(record_.data() + size_, bytes.data(), count);
    size_ += count;
    bytes = bytes.subspan(count);
    if (size_ == record_bytes) {
      seal(record_);
      size_ = 0;
    }
  }
}

bool TlsRecords::finish() {
  if (size_ > 0) seal(mqtt::Bytes(record_).first(size_));
  size_ = 0;
  return good_;
}

}  // namespace transport
