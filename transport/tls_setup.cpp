#include "transport/tls_setup.h"

#include <cerrno>
#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/text.h"

namespace transport {

namespace {

std::unexpected<std::string> setup_fault(const std::string& text) { return std::unexpected(text); }

std::expected<void, std::string> add_authority_folder(X509_STORE* store, const std::string& path) {
  struct stat status{};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && !S_ISDIR(status.st_mode)) {
    return setup_fault(path + ": is not a folder; use cafile for a file");
  }
  if (!exists || ::access(path.c_str(), R_OK | X_OK) != 0) {
    return setup_fault(path + ": cannot be opened: " + errno_text(errno));
  }
  if (X509_STORE_load_path(store, path.c_str()) != 1) {
    return setup_fault(path + ": cannot be used as a folder of certificates (" +
                       take_openssl_error() + ")");
  }
  return {};
}

}  // namespace

std::expected<void, std::string> add_authorities(X509_STORE* store, const std::string& file,
                                                 const std::string& path) {
  ERR_clear_error();
  if (!file.empty()) {
    if (::access(file.c_str(), R_OK) != 0) {
      return setup_fault(file + ": cannot be opened: " + errno_text(errno));
    }
    if (X509_STORE_load_file(store, file.c_str()) != 1) {
      return setup_fault(file + ": has no certificates in PEM form (" + take_openssl_error() + ")");
    }
  }
  return path.empty() ? std::expected<void, std::string>() : add_authority_folder(store, path);
}

std::expected<CertificateChain, std::string> use_key_pair(SSL_CTX* context,
                                                          const std::string& certificate_file,
                                                          const std::string& key_file,
                                                          Secrecy secrecy) {
  auto chain = read_certificates(certificate_file);
  if (!chain) return setup_fault(chain.error());
  const auto key = read_private_key(key_file, secrecy);
  if (!key) return setup_fault(key.error());
  if (X509_check_private_key(chain->certificate.get(), key->get()) != 1) {
    ERR_clear_error();
    return setup_fault(key_file + ": is not the key of certificate " + certificate_file +
                       "; use the key that the certificate was made for");
  }
  if (SSL_CTX_use_certificate(context, chain->certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key->get()) != 1) {
    return setup_fault(certificate_file + ": cannot be used (" + take_openssl_error() +
                       "); make a certificate with a stronger key or hash");
  }
  for (const CertificatePtr& issuer : chain->issuers) {
    if (SSL_CTX_add1_chain_cert(context, issuer.get()) != 1) {
      return setup_fault(certificate_file + ": an intermediate certificate cannot be used (" +
                         take_openssl_error() + ")");
    }
  }
  return chain;
}

std::expected<void, std::string> set_ciphers(SSL_CTX* context, const std::string& list,
                                             const std::string& suites) {
  if (!list.empty() && SSL_CTX_set_cipher_list(context, list.c_str()) != 1) {
    ERR_clear_error();
    return setup_fault("'ciphers' names none that OpenSSL has for TLS 1.2: " + list +
                       "; see: openssl ciphers -s -tls1_2");
  }
  if (!suites.empty() && SSL_CTX_set_ciphersuites(context, suites.c_str()) != 1) {
    ERR_clear_error();
    return setup_fault("'ciphers_tls1.3' names one that OpenSSL does not have for TLS 1.3: " +
                       suites + "; see: openssl ciphers -s -tls1_3");
  }
  return {};
}

}  // namespace transport
