#include "transport/writer.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <utility>

#include "transport/packet_frames.h"

namespace transport {

namespace {

constexpr std::size_t vectors_per_write = 1024;  // IOV_MAX
/// Kept between two writes.
constexpr std::size_t packet_begins_kept = 32'768;
constexpr std::size_t sealed_bytes_kept = std::size_t{256} << 10U;

}  // namespace

std::size_t Writer::queued_bytes(const Connection& connection) noexcept {
  if (connection.pending == nullptr) return 0;
  return uv_stream_get_write_queue_size(&connection.handle.stream) +
         connection.pending->next.size_bytes();
}

bool Writer::write(Connection& connection, broker::Output& output) {
  if (connection.websocket == nullptr) return write_stream(connection, output);
  frame_packets(output, packet_begins_);
  if (packet_begins_.capacity() > packet_begins_kept) packet_begins_ = {};
  return write_stream(connection, output);
}

bool Writer::write_stream(Connection& connection, broker::Output& output) {
  if (connection.tls != nullptr) return seal(connection, output);
  if (connection.pending != nullptr) {
    append(connection.pending->next, output);
    return true;
  }
  vectors_.clear();
  gather(output, 0, vectors_);
  std::size_t written = 0;
  if (!try_write(connection, written)) return false;
  assert(written <= output.size_bytes());
  if (written == output.size_bytes()) return true;
  connection.pending = std::make_unique<Pending>();
  append(connection.pending->writing, output);
  return write_pending(connection, written);
}

/// Seals a turn's output, small pieces together, and writes it.
bool Writer::seal(Connection& connection, const broker::Output& output) {
  sealed_.clear();
  TlsRecords records(*connection.tls, sealed_);
  vectors_.clear();
  gather(output, 0, vectors_);
  for (const uv_buf_t& each : vectors_) {
    records.put({reinterpret_cast<const std::byte*>(each.base), each.len});
  }
  const bool good = records.finish() && write_sealed(connection, sealed_.view());
  if (sealed_.capacity() > sealed_bytes_kept) sealed_.reset();
  return good;
}

bool Writer::send(Connection& connection, mqtt::Bytes bytes) {
  if (connection.tls == nullptr) return write_sealed(connection, bytes);
  sealed_.clear();
  return connection.tls->write(bytes, sealed_) && write_sealed(connection, sealed_.view());
}

void Writer::end_tls(Connection& connection) {
  if (connection.tls == nullptr) return;
  sealed_.clear();
  connection.tls->close(sealed_);
  if (!sealed_.empty()) static_cast<void>(write_sealed(connection, sealed_.view()));
}

/// Keeps a copy of the part that the socket does not take.
bool Writer::write_sealed(Connection& connection, mqtt::Bytes bytes) {
  if (connection.pending != nullptr) {
    connection.pending->next.bytes.append(bytes);
    return true;
  }
  vectors_.clear();
  // libuv only reads the bytes that it writes to a socket.
  auto* const base = const_cast<char*>(mqtt::as_text(bytes).data());
  vectors_.push_back(uv_buf_t{base, bytes.size()});
  std::size_t written = 0;
  if (!try_write(connection, written)) return false;
  assert(written <= bytes.size());
  if (written == bytes.size()) return true;
  connection.pending = std::make_unique<Pending>();
  connection.pending->writing.bytes.append(bytes.subspan(written));
  return write_pending(connection, 0);
}

/// Writes `vectors_` as far as the socket takes them.
bool Writer::try_write(Connection& connection, std::size_t& written) {
  std::size_t at = 0;
  while (at < vectors_.size()) {
    const std::size_t count = std::min(vectors_.size() - at, vectors_per_write);
    const int result =
        uv_try_write(&connection.handle.stream, &vectors_[at], static_cast<unsigned>(count));
    if (result == UV_EAGAIN) return true;
    if (result < 0) return false;
    auto left = static_cast<std::size_t>(result);
    written += left;
    const std::size_t end = at + count;
    while (at < end && left >= vectors_[at].len) left -= vectors_[at++].len;
    if (at < end) return true;  // the socket is full
  }
  return true;
}

/// Leaves the rest to libuv.
bool Writer::write_pending(Connection& connection, std::size_t skip) {
  assert(connection.pending != nullptr && connection.pending->writing.size_bytes() > skip);
  Pending& pending = *connection.pending;
  vectors_.clear();
  gather(pending.writing, skip, vectors_);
  pending.request.data = &connection;
  return uv_write(&pending.request, &connection.handle.stream, vectors_.data(),
                  static_cast<unsigned>(vectors_.size()), on_written_) == 0;
}

Writer::Progress Writer::written(Connection& connection, int status) {
  if (status < 0) return Progress::lost;
  assert(connection.pending != nullptr);
  connection.pending->writing = {};
  // A Pong waits until output leaves, because TLS seals bytes in the order in which they leave.
  // Nothing follows a Close.
  const mqtt::ByteBuffer pong = std::move(connection.pending->pong);
  if (!pong.empty() && is_open(connection.state) && !send(connection, pong.view())) {
    return Progress::lost;
  }
  Pending& pending = *connection.pending;
  if (pending.next.size_bytes() == 0) {
    connection.pending.reset();
    return Progress::drained;
  }
  std::swap(pending.writing, pending.next);
  return write_pending(connection, 0) ? Progress::pending : Progress::lost;
}

}  // namespace transport
