#include "transport/tls_files.h"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "transport/descriptor.h"

namespace transport {

namespace {

constexpr std::size_t file_bytes_max = std::size_t{4} << 20U;
constexpr std::size_t identity_bytes_max = 256;  // PSK_MAX_IDENTITY_LEN of OpenSSL 3.0 and 1.1
constexpr std::size_t key_bytes_max = 256;       // the limit of both of them

/// The text of a file, which may hold a key: wiped with its owner.
class FileText {
 public:
  FileText() = default;
  ~FileText() { OPENSSL_cleanse(text_.data(), text_.size()); }
  FileText(const FileText&) = delete;
  FileText& operator=(const FileText&) = delete;
  FileText(FileText&& other) noexcept : text_(std::exchange(other.text_, {})) {}
  FileText& operator=(FileText&&) = delete;

  /// Makes room for the whole file once, so that no copy of it is left behind.
  [[nodiscard]] bool fill(int file, std::size_t size) {
    text_.resize(size);
    std::size_t have = 0;
    while (have < size) {
      const ssize_t count = ::read(file, text_.data() + have, size - have);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      if (count == 0) break;
      have += static_cast<std::size_t>(count);
    }
    text_.resize(have);
    return true;
  }
  [[nodiscard]] std::string_view bytes() const noexcept { return text_; }
  /// Without the byte order mark that editors of Windows put in front.
  [[nodiscard]] std::string_view text() const noexcept {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    std::string_view text = text_;
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    return text;
  }
  [[nodiscard]] BioPtr bio() const {
    return BioPtr(BIO_new_mem_buf(text().data(), static_cast<int>(text().size())));
  }

 private:
  std::string text_;
};

std::unexpected<std::string> fault(const std::string& path, const std::string& what) {
  return std::unexpected(path + ": " + what);
}

std::unexpected<std::string> system_fault(const std::string& path, const std::string& what) {
  return fault(path, what + ": " + std::generic_category().message(errno));
}

std::expected<FileText, std::string> read_file(const std::string& path, Secrecy secrecy) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return system_fault(path, "cannot be opened");
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_fault(path, "cannot be examined");
  if (!S_ISREG(status.st_mode)) return fault(path, "is not a regular file");
  if (secrecy == Secrecy::required && (status.st_mode & (S_IROTH | S_IWOTH)) != 0) {
    return fault(path, "holds secrets, but everybody may read it");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > file_bytes_max) return fault(path, "is larger than 4 MiB");
  FileText text;
  if (!text.fill(file.get(), size)) return system_fault(path, "cannot be read");
  return text;
}

/// Nobody is there to ask for a passphrase.
int no_passphrase(char* /*place*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

int digit_of(char letter) noexcept {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

/// Empty: it is no hexadecimal number of whole bytes.
std::vector<unsigned char> bytes_of(std::string_view hexadecimal) {
  std::vector<unsigned char> bytes;
  if (hexadecimal.size() % 2 != 0) return bytes;
  bytes.reserve(hexadecimal.size() / 2);
  for (std::size_t at = 0; at < hexadecimal.size(); at += 2) {
    const int high = digit_of(hexadecimal[at]);
    const int low = digit_of(hexadecimal[at + 1]);
    if (high < 0 || low < 0) return {};
    bytes.push_back(static_cast<unsigned char>(high << 4 | low));
  }
  return bytes;
}

/// The fault of a line of a PSK file; null if there is none.
const char* add_psk(PskTable& table, std::string_view line) {
  if (line.empty() || line.front() == '#') return nullptr;
  const auto colon = line.find(':');
  if (colon == line.npos || colon == 0) return "is not IDENTITY:KEY";
  if (colon > identity_bytes_max) return "has an identity of more than 256 bytes";
  auto key = bytes_of(line.substr(colon + 1));
  if (key.empty()) return "has a key that is not in hexadecimal, two digits for each byte";
  if (key.size() > key_bytes_max) return "has a key of more than 256 bytes";
  return table.add(std::string(line.substr(0, colon)), std::move(key))
             ? nullptr
             : "has an identity that stands in the file twice";
}

}  // namespace

PskTable::~PskTable() {
  for (auto& [identity, key] : keys_) OPENSSL_cleanse(key.data(), key.size());
}

bool PskTable::add(std::string identity, std::vector<unsigned char> key) {
  return keys_.emplace(std::move(identity), std::move(key)).second;
}

const std::vector<unsigned char>* PskTable::find(std::string_view identity) const {
  const auto found = keys_.find(identity);
  return found == keys_.end() ? nullptr : &found->second;
}

std::expected<CertificateChain, std::string> read_certificates(const std::string& path) {
  const auto text = read_file(path, Secrecy::optional);
  if (!text) return std::unexpected(text.error());
  const BioPtr bio = text->bio();
  CertificateChain chain;
  ERR_clear_error();
  bool asked = false;
  // The first certificate may be of the kind that names its trusted uses.
  chain.certificate.reset(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_passphrase, &asked));
  if (chain.certificate == nullptr) {
    ERR_clear_error();
    return fault(path, "has no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
  }
  for (;;) {
    CertificatePtr issuer(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, &asked));
    if (issuer == nullptr) break;
    chain.issuers.push_back(std::move(issuer));
  }
  const unsigned long end = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_GET_REASON(end) != PEM_R_NO_START_LINE) {
    return fault(path, "has a damaged certificate behind the first " +
                           std::to_string(chain.issuers.size() + 1));
  }
  return chain;
}

std::expected<KeyPtr, std::string> read_private_key(const std::string& path, Secrecy secrecy) {
  const auto text = read_file(path, secrecy);
  if (!text) return std::unexpected(text.error());
  ERR_clear_error();
  bool asked = false;
  KeyPtr key(PEM_read_bio_PrivateKey(text->bio().get(), nullptr, no_passphrase, &asked));
  ERR_clear_error();
  if (key != nullptr) return key;
  if (asked) {
    return fault(path,
                 "is protected by a passphrase, which nobody can type when a broker starts; take "
                 "it off: openssl pkey -in " +
                     path + " -out NEW");
  }
  return fault(path, "has no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
}

std::expected<std::vector<RevocationListPtr>, std::string> read_revocation_lists(
    const std::string& path) {
  const auto text = read_file(path, Secrecy::optional);
  if (!text) return std::unexpected(text.error());
  const BioPtr bio = text->bio();
  std::vector<RevocationListPtr> lists;
  ERR_clear_error();
  for (;;) {
    RevocationListPtr list(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
    if (list == nullptr) break;
    lists.push_back(std::move(list));
  }
  ERR_clear_error();
  if (lists.empty()) {
    return fault(path, "has no revocation list in PEM form (-----BEGIN X509 CRL-----)");
  }
  return lists;
}

std::expected<OcspStaple, std::string> read_ocsp_response(const std::string& path) {
  const auto text = read_file(path, Secrecy::optional);
  if (!text) return std::unexpected(text.error());
  const std::string_view bytes = text->bytes();
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const OcspResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(bytes.size())));
  const OcspBasicPtr basic(response == nullptr ? nullptr
                                               : OCSP_response_get1_basic(response.get()));
  ERR_clear_error();
  if (basic == nullptr || OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return fault(path,
                 "is not a successful OCSP response in DER form; get one: openssl ocsp "
                 "-issuer CA -cert CERT -url URL -respout " +
                     path);
  }
  OcspStaple staple;
  staple.response.assign(bytes.begin(), bytes.end());
  for (int i = 0; i < OCSP_resp_count(basic.get()); ++i) {
    OCSP_SINGLERESP* const single = OCSP_resp_get0(basic.get(), i);
    ASN1_INTEGER* serial = nullptr;
    auto* const id = const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single));
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, id);
    staple.serials.push_back(serial_of(serial));
    int why = 0;
    ASN1_GENERALIZEDTIME* next = nullptr;
    OCSP_single_get0_status(single, &why, nullptr, nullptr, &next);
    if (next != nullptr) staple.next_update = seconds_of(next);
  }
  return staple;
}

std::expected<PskTable, std::string> read_psk_file(const std::string& path, Secrecy secrecy) {
  const auto text = read_file(path, secrecy);
  if (!text) return std::unexpected(text.error());
  PskTable table;
  std::string_view rest = text->text();
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    while (line.ends_with('\r')) line.remove_suffix(1);
    if (const char* const what = add_psk(table, line)) {
      return std::unexpected(path + ":" + std::to_string(number) + ": the line " + what);
    }
  }
  return table;
}

std::string serial_of(const ASN1_INTEGER* serial) {
  std::string text;
  BIGNUM* const number = ASN1_INTEGER_to_BN(serial, nullptr);
  char* const digits = number == nullptr ? nullptr : BN_bn2hex(number);
  if (digits != nullptr) text = digits;
  OPENSSL_free(digits);
  BN_free(number);
  return text;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return ::timegm(&parts);
}

}  // namespace transport
