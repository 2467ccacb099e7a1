#include "tools/darter-bench/tls_stream.h"

#include <cassert>

namespace bench {

TlsClient::TlsClient() : context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
}

TlsStream::TlsStream(const TlsClient& client) : ssl_(SSL_new(client.context())) {
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl_.get());
  SSL_do_handshake(ssl_.get());
}

std::optional<std::size_t> TlsStream::read(mqtt::Bytes sealed, std::span<std::byte> plain) {
  BIO_write(SSL_get_rbio(ssl_.get()), sealed.data(), static_cast<int>(sealed.size()));
  std::size_t all = 0;
  for (;;) {
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), plain.data() + all, plain.size() - all, &count);
    if (result != 1) {
      if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) return std::nullopt;
      return all;
    }
    all += count;
  }
}

void TlsStream::write(mqtt::Bytes plain) {
  assert(is_ready());
  std::size_t written = 0;
  // A memory BIO takes everything.
  SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written);
}

void TlsStream::take_output(mqtt::ByteBuffer& out) {
  BIO* const bio = SSL_get_wbio(ssl_.get());
  const std::size_t waiting = BIO_ctrl_pending(bio);
  if (waiting > 0) BIO_read(bio, out.extend(waiting), static_cast<int>(waiting));
}

}  // namespace bench
