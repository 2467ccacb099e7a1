// transport/openssl.h
#pragma once

#include <memory>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string>

namespace transport {

/// Frees an object of OpenSSL's when its owner goes.
template <auto Free>
struct FreedBy {
  template <typename Object>
  void operator()(Object* object) const noexcept {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, FreedBy<&BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, FreedBy<&X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreedBy<&EVP_PKEY_free>>;
using RevocationListPtr = std::unique_ptr<X509_CRL, FreedBy<&X509_CRL_free>>;
using CertificateStorePtr = std::unique_ptr<X509_STORE, FreedBy<&X509_STORE_free>>;
using OcspResponsePtr = std::unique_ptr<OCSP_RESPONSE, FreedBy<&OCSP_RESPONSE_free>>;
using OcspBasicPtr = std::unique_ptr<OCSP_BASICRESP, FreedBy<&OCSP_BASICRESP_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreedBy<&SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, FreedBy<&SSL_free>>;

/// The oldest complaint in this thread's queue of OpenSSL's errors, in its own words; the queue is
/// empty afterwards. Empty if there is none.
[[nodiscard]] std::string take_openssl_error();

}  // namespace transport
