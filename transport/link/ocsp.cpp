#include "transport/link/ocsp.h"

#include <cassert>
#include <openssl/err.h>
#include <string_view>

namespace transport {
namespace {

constexpr long clock_difference_seconds = 300;  // Mosquitto's

using OcspIdPtr = std::unique_ptr<OCSP_CERTID, FreedBy<&OCSP_CERTID_free>>;

/// Whether one of an answer's parts is about a certificate.
bool is_about(OCSP_SINGLERESP* single, const X509* certificate, const X509* issuer) {
  auto* const id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single));
  ASN1_OBJECT* digest = nullptr;
  OCSP_id_get0_info(nullptr, &digest, nullptr, nullptr, id);
  const EVP_MD* const method = EVP_get_digestbyobj(digest);
  if (method == nullptr) return false;
  const OcspIdPtr wanted(OCSP_cert_to_id(method, certificate, issuer));
  return wanted != nullptr && OCSP_id_cmp(wanted.get(), id) == 0;
}

OCSP_SINGLERESP* find_part(OCSP_BASICRESP* answer, const X509* certificate, const X509* issuer) {
  for (int i = 0; i < OCSP_resp_count(answer); ++i) {
    OCSP_SINGLERESP* const single = OCSP_resp_get0(answer, i);
    if (is_about(single, certificate, issuer)) return single;
  }
  return nullptr;
}

/// The certificate of the server's issuer; null: the server has not sent it, and no check has found
/// it.
const X509* issuer_of(const SSL* ssl) {
  const STACK_OF(X509)* const verified = SSL_get0_verified_chain(ssl);
  const STACK_OF(X509)* const chain = verified != nullptr ? verified : SSL_get_peer_cert_chain(ssl);
  const int count = sk_X509_num(chain);
  return count > 0 ? sk_X509_value(chain, count > 1 ? 1 : 0) : nullptr;
}

std::string objection_to(OCSP_SINGLERESP* part) {
  int why = 0;
  ASN1_GENERALIZEDTIME* begins = nullptr;
  ASN1_GENERALIZEDTIME* ends = nullptr;
  const int status = OCSP_single_get0_status(part, &why, nullptr, &begins, &ends);
  if (status == V_OCSP_CERTSTATUS_REVOKED) return "the OCSP answer says that it is revoked";
  if (status != V_OCSP_CERTSTATUS_GOOD) return "the OCSP answer does not know it";
  if (OCSP_check_validity(begins, ends, clock_difference_seconds, -1) != 1) {
    return "the OCSP answer is not of this time: the server needs a new one";
  }
  return "";
}

std::string objection_to(const SSL* ssl, std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const OcspResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  const OcspBasicPtr basic(response == nullptr ? nullptr
                                               : OCSP_response_get1_basic(response.get()));
  if (basic == nullptr) return "the OCSP answer cannot be read, or says that there is none";
  X509_STORE* const trusted = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  if (OCSP_basic_verify(basic.get(), SSL_get_peer_cert_chain(ssl), trusted, 0) != 1) {
    return "the OCSP answer is not signed by a trusted authority";
  }
  const X509* const certificate = SSL_get0_peer_certificate(ssl);
  const X509* const issuer = issuer_of(ssl);
  OCSP_SINGLERESP* const part = certificate == nullptr || issuer == nullptr
                                    ? nullptr
                                    : find_part(basic.get(), certificate, issuer);
  if (part == nullptr) return "the OCSP answer is about another certificate";
  return objection_to(part);
}

/// OpenSSL's callback, also when the server has stapled nothing.
int judge(SSL* ssl, void* /*argument*/) { return ocsp_objection(ssl).empty() ? 1 : 0; }

}  // namespace

std::string ocsp_objection(const SSL* ssl) {
  const unsigned char* bytes = nullptr;
  // Reads only, though the macro takes no const.
  const long size =
      SSL_get_tlsext_status_ocsp_resp(const_cast<SSL*>(ssl), static_cast<void*>(&bytes));
  if (bytes == nullptr || size <= 0) return "the server has no OCSP answer about it";
  std::string objection =
      objection_to(ssl, {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
  ERR_clear_error();
  return objection;
}

void require_ocsp(SSL_CTX* context) {
  assert(context != nullptr);
  SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp);
  SSL_CTX_set_tlsext_status_cb(context, judge);
}

}  // namespace transport
