#include "transport/link/tls_stage.h"

#include <cassert>
#include <ctime>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <utility>

#include "transport/http.h"
#include "transport/link/ocsp.h"

namespace transport {
namespace {

/// Frees a list of names of a certificate.
struct NamesFree {
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};
using NamesPtr = std::unique_ptr<GENERAL_NAMES, NamesFree>;

std::string issuer_of(const X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_issuer_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return size > 0 ? printable({text, static_cast<std::size_t>(size)}) : "nobody";
}

/// "a.test, b.test": the hosts that a certificate is for.
std::string hosts_of(const X509* certificate) {
  std::string hosts;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int at = 0; at < sk_GENERAL_NAME_num(names.get()); ++at) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), at);
    if (name->type != GEN_DNS) continue;
    const ASN1_IA5STRING* const text = name->d.dNSName;
    if (!hosts.empty()) hosts += ", ";
    hosts += std::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                              static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return hosts.empty() ? "no host by name" : printable(hosts);
}

std::string date_text(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown day";
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts)};
}

}  // namespace

LinkTlsStage::LinkTlsStage(std::shared_ptr<const LinkTls> tls, std::string host)
    : tls_(std::move(tls)), host_(std::move(host)), ssl_(tls_->make_ssl(host_)) {
  if (ssl_ == nullptr || !use_bytes(ssl_.get(), bytes_)) {
    fail(LinkFault::tls, "TLS cannot be used with '" + printable(host_) + "' as a server's name");
    return;
  }
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_verify(ssl_.get(), SSL_get_verify_mode(ssl_.get()), keep_refused);
}

/// OpenSSL's callback: of a certificate that it refuses nothing is left after the handshake.
int LinkTlsStage::keep_refused(int good, X509_STORE_CTX* verification) {
  const int place = SSL_get_ex_data_X509_STORE_CTX_idx();
  const auto* const ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(verification, place));
  X509* const certificate = X509_STORE_CTX_get_current_cert(verification);
  if (good == 1 || certificate == nullptr || X509_up_ref(certificate) != 1) return good;
  static_cast<LinkTlsStage*>(SSL_get_app_data(ssl))->refused_.reset(certificate);
  return good;
}

void LinkTlsStage::begin(mqtt::ByteBuffer& wire) {
  if (state_ != State::handshake) return;
  bytes_ = {.input = {}, .output = &wire};
  ERR_clear_error();
  go_on(SSL_do_handshake(ssl_.get()));
  bytes_.output = nullptr;
}

void LinkTlsStage::read(mqtt::Bytes bytes, mqtt::ByteBuffer& plain, mqtt::ByteBuffer& wire) {
  constexpr std::size_t record_bytes = std::size_t{16} << 10U;
  bytes_ = {.input = bytes, .output = &wire};
  while (state_ == State::handshake || state_ == State::open) {
    std::size_t count = 0;
    std::byte* const place = plain.extend(record_bytes);
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), place, record_bytes, &count);
    plain.truncate(plain.size() - record_bytes + count);
    if (result == 1) continue;
    go_on(result);
    break;
  }
  bytes_ = {};
}

/// After a call that is not done: whether it waits, is over, or failed.
void LinkTlsStage::go_on(int result) {
  if (result != 1) {
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) {
      state_ = State::ended;
      return;
    }
    if (error != SSL_ERROR_WANT_READ) return fail();
  }
  if (SSL_is_init_finished(ssl_.get()) == 1) state_ = State::open;
}

void LinkTlsStage::write(mqtt::Bytes plain, mqtt::ByteBuffer& wire) {
  if (plain.empty() || state_ != State::open) return;
  bytes_.output = &wire;
  ERR_clear_error();
  std::size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written);
  bytes_.output = nullptr;
  if (result != 1) fail();
}

void LinkTlsStage::close(mqtt::ByteBuffer& wire) {
  if (state_ != State::open && state_ != State::ended) return;
  bytes_.output = &wire;
  SSL_shutdown(ssl_.get());
  bytes_.output = nullptr;
  ERR_clear_error();
}

void LinkTlsStage::fail(LinkFault fault, std::string why) {
  state_ = State::failed;
  fault_ = fault;
  why_ = std::move(why);
}

void LinkTlsStage::fail() {
  // The last one: those before it come from checks that were a part of it.
  const unsigned long code = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(code);
  const char* const text = ERR_reason_error_string(code);
  const std::string words = text != nullptr ? text : "";
  ERR_clear_error();
  if (!alert_text(reason).empty()) return fail(LinkFault::tls, describe_alert(reason));
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return fail(LinkFault::certificate, describe_trust());
    case SSL_R_INVALID_STATUS_RESPONSE:
      return fail(LinkFault::certificate,
                  "the server's certificate is not proven good: " + ocsp_objection(ssl_.get()));
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_UNEXPECTED_MESSAGE:
      return fail(LinkFault::tls,
                  "the port speaks no TLS: try mqtt:// or ws:// without TLS, or the port for TLS "
                  "(8883, 443)");
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return fail(LinkFault::tls, "the server speaks no version of TLS from 1.2 on");
    default:
      return fail(LinkFault::tls,
                  "the TLS handshake failed: " + (words.empty() ? "an error in OpenSSL" : words));
  }
}

std::string LinkTlsStage::describe_trust() const {
  const long result = SSL_get_verify_result(ssl_.get());
  const X509* const certificate = refused_.get();
  const std::string words = X509_verify_cert_error_string(result);
  if (!tls_->options().psk_identity.empty()) {
    return "the server wants to show a certificate, and takes no PSK";
  }
  if (certificate == nullptr) return "the server's certificate is not trusted (" + words + ")";
  switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the server's certificate is for " + hosts_of(certificate) + ", not for " +
             tls_->name_of(host_) +
             ": connect by a name that it is for, or switch the check of the host name off";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the server's certificate, or one of its authorities', has ended (" + words + ", " +
             date_text(X509_get0_notAfter(certificate)) + ": renew it, or set this machine's clock";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the server's certificate is not valid before " +
             date_text(X509_get0_notBefore(certificate)) + ": set this machine's clock";
    default:
      return "the server's certificate is not trusted (" + words + "; issued by " +
             issuer_of(certificate) + "): give the certificate of that authority as the CA file";
  }
}

std::string LinkTlsStage::describe_alert(int reason) const {
  const std::string alert = "the server sent the TLS alert \"" + std::string(alert_text(reason));
  const LinkTlsOptions& options = tls_->options();
  switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return alert + "\": it wants a certificate of the client and its key";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
      return alert + "\": it does not trust the client's certificate";
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
      return alert + "\": it does not know the name " + tls_->name_of(host_);
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
      return alert + "\": it wants another name of ALPN";
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
    case SSL_R_SSLV3_ALERT_BAD_RECORD_MAC:
    case SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER:
      if (!options.psk_identity.empty()) return alert + "\": the PSK key is wrong";
      return alert + "\"";
    default:
      break;
  }
  if (!options.psk_identity.empty()) {
    return alert + "\": it may not know the PSK identity " + printable(options.psk_identity);
  }
  const bool lacks =
      reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE && options.certificate_file.empty();
  return alert + (lacks ? "\": it may want a certificate of the client, or PSK" : "\"");
}

std::string LinkTlsStage::description() const {
  return std::string(SSL_get_version(ssl_.get())) + " cipher " + SSL_get_cipher_name(ssl_.get());
}

}  // namespace transport
