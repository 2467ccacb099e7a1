#include "test/transport/certificates.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace transport {

namespace {

constexpr std::int64_t day_seconds = 86'400;

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  if (value.empty()) return;
  REQUIRE(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(value.data()),
                                     static_cast<int>(value.size()), -1, 0) == 1);
}

void add_extension(X509* certificate, int which, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

TestCertificate make(const TestSubject& subject, const TestCertificate* issuer) {
  static long serial = 1000;
  TestCertificate made;
  made.key.reset(EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), subject.begins_days * day_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), subject.ends_days * day_seconds);
  X509_NAME* const name = X509_get_subject_name(certificate);
  add_name(name, "O", subject.organization);
  add_name(name, "CN", subject.common_name);
  X509_set_issuer_name(certificate,
                       issuer == nullptr ? name : X509_get_subject_name(issuer->certificate.get()));
  X509_set_pubkey(certificate, made.key.get());
  if (subject.authority) {
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
  }
  if (subject.signs_ocsp) add_extension(certificate, NID_ext_key_usage, "OCSPSigning");
  if (!subject.host.empty()) {
    add_extension(certificate, NID_subject_alt_name, "DNS:" + subject.host);
  }
  EVP_PKEY* const signer = issuer == nullptr ? made.key.get() : issuer->key.get();
  REQUIRE(X509_sign(certificate, signer, EVP_sha256()) != 0);
  return made;
}

}  // namespace

TestFolder::TestFolder() {
  std::string form = std::filesystem::temp_directory_path() / "darter-tls-XXXXXX";
  REQUIRE(::mkdtemp(form.data()) != nullptr);
  path_ = form;
}

TestFolder::~TestFolder() { std::filesystem::remove_all(path_); }

std::string TestFolder::write(const std::string& name, const std::string& text) const {
  const std::string file = path(name);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  return file;
}

std::string TestCertificate::certificate_pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
  return text_of(bio.get());
}

std::string TestCertificate::key_pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
          1);
  return text_of(bio.get());
}

TestCertificate make_authority(const std::string& common_name) {
  TestSubject subject;
  subject.common_name = common_name;
  subject.authority = true;
  return make(subject, nullptr);
}

TestCertificate make_certificate(const TestSubject& subject, const TestCertificate& issuer) {
  return make(subject, &issuer);
}

std::string make_revocation_list(const TestCertificate& issuer,
                                 const std::vector<const TestCertificate*>& revoked,
                                 std::int64_t days) {
  const RevocationListPtr list(X509_CRL_new());
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.certificate.get()));
  ASN1_TIME* const time = ASN1_TIME_new();
  X509_CRL_set1_lastUpdate(list.get(), X509_gmtime_adj(time, -100 * day_seconds));
  X509_CRL_set1_nextUpdate(list.get(), X509_gmtime_adj(time, days * day_seconds));
  X509_gmtime_adj(time, -1);
  for (const TestCertificate* const each : revoked) {
    X509_REVOKED* const entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(each->certificate.get()));
    X509_REVOKED_set_revocationDate(entry, time);
    X509_CRL_add0_revoked(list.get(), entry);
  }
  ASN1_TIME_free(time);
  X509_CRL_sort(list.get());
  REQUIRE(X509_CRL_sign(list.get(), issuer.key.get(), EVP_sha256()) != 0);
  const BioPtr bio(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_X509_CRL(bio.get(), list.get()) == 1);
  return text_of(bio.get());
}

std::string make_ocsp_response(const TestCertificate& subject, const TestCertificate& issuer,
                               std::int64_t days, int status, const TestCertificate* signer) {
  if (signer == nullptr) signer = &issuer;
  const OcspBasicPtr basic(OCSP_BASICRESP_new());
  OCSP_CERTID* const id =
      OCSP_cert_to_id(nullptr, subject.certificate.get(), issuer.certificate.get());
  ASN1_TIME* const now = X509_gmtime_adj(nullptr, -10 * day_seconds);
  ASN1_TIME* const next = X509_gmtime_adj(nullptr, days * day_seconds);
  REQUIRE(OCSP_basic_add1_status(basic.get(), id, status, OCSP_REVOKED_STATUS_NOSTATUS, now, now,
                                 next) != nullptr);
  REQUIRE(OCSP_basic_sign(basic.get(), signer->certificate.get(), signer->key.get(), EVP_sha256(),
                          nullptr, 0) == 1);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(now);
  ASN1_TIME_free(next);
  const OcspResponsePtr response(
      OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  unsigned char* bytes = nullptr;
  const int size = i2d_OCSP_RESPONSE(response.get(), &bytes);
  REQUIRE(size > 0);
  std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return text;
}

}  // namespace transport
