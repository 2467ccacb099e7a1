#include "transport/tls_bytes.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace transport {

namespace {

/// The functions of the BIO.
struct TlsBio {
  static TlsBytes& of(BIO* bio) { return *static_cast<TlsBytes*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* place, std::size_t size, std::size_t* count) {
    mqtt::Bytes& input = of(bio).input;
    BIO_clear_retry_flags(bio);
    *count = std::min(size, input.size());
    if (*count == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(place, input.data(), *count);
    input = input.subspan(*count);
    return 1;
  }

  static int write(BIO* bio, const char* bytes, std::size_t size, std::size_t* count) {
    assert(of(bio).output != nullptr);  // OpenSSL writes only within a call of its owner
    of(bio).output->append(std::string_view(bytes, size));
    *count = size;
    return 1;
  }

  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static BIO_METHOD* make_method() {
    BIO_METHOD* const method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bytes of a loop");
    BIO_meth_set_read_ex(method, read);
    BIO_meth_set_write_ex(method, write);
    BIO_meth_set_ctrl(method, control);
    BIO_meth_set_create(method, create);
    return method;
  }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const method = make_method();  // a table: the same for all
    return method;
  }
};

}  // namespace

bool use_bytes(SSL* ssl, TlsBytes& bytes) {
  BIO* const bio = BIO_new(TlsBio::method());
  if (bio == nullptr) return false;
  BIO_set_data(bio, &bytes);
  SSL_set_bio(ssl, bio, bio);  // takes it
  return true;
}

std::string_view alert_text(int reason) noexcept {
  // The alerts of TLS, as OpenSSL numbers them among its reasons.
  constexpr int first = SSL_AD_REASON_OFFSET;
  constexpr int end = SSL_AD_REASON_OFFSET + 256;
  if (reason < first || reason >= end) return {};
  return SSL_alert_desc_string_long(reason - first);
}

}  // namespace transport
