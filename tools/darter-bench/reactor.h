#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "tools/darter-bench/clock.h"
#include "tools/darter-bench/connection.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/packets.h"
#include "tools/socket/poller.h"

namespace bench {

/// The events of a scenario.
class Listener {
 public:
  static constexpr Nanoseconds no_hurry = std::numeric_limits<Nanoseconds>::max();

  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  /// CONNACK came and accepts.
  virtual void on_connected(Connection& connection) = 0;
  /// Any packet behind CONNACK. Lifetime: `frame` until this returns.
  virtual void on_packet(Connection& connection, const mqtt::Frame& frame) = 0;
  /// A connection that was told to leave is closed.
  virtual void on_left(Connection& /*connection*/) {}
  /// A connection was refused or ended, and is closed.
  ///
  /// Returns   Whether that may be; if not, it is a fault, and ends every wait.
  [[nodiscard]] virtual bool on_lost(Connection& /*connection*/) { return false; }
  /// All events of a round were handled; packets sent now are written with the round's answers.
  ///
  /// Returns   How long there is nothing to do unless something arrives.
  virtual Nanoseconds on_round() { return no_hurry; }
};

/// Many connections to one broker in one thread.
///
/// Packets sent during a round of events leave at its end, in one write for each connection.
///
/// Errors     A connection that is refused or lost ends every wait, unless Listener::on_lost() says
///            that it may be; fault() says why.
class Reactor {
 public:
  Reactor(const Options& options, Listener& listener);

  void open(Connection& connection);
  /// Opens them all, some at once. Returns false if one was refused or the time is over.
  [[nodiscard]] bool open_all(std::span<Connection* const> connections);
  /// Says goodbye; the broker closes.
  void leave(Connection& connection);
  /// Sends DISCONNECT and waits for a while; connections that the broker has not closed by then are
  /// closed here.
  void leave_all(std::span<Connection* const> connections);

  /// Sends a packet of `size` bytes, which `put(std::byte*)` writes.
  template <std::invocable<std::byte*> Put>
  void send(Connection& connection, std::size_t size, Put&& put);
  void send(Connection& connection, mqtt::Bytes packet);
  void send_ack(Connection& connection, mqtt::PacketType type, mqtt::PacketId id);

  /// Handles events until `done()`, which is asked at least ten times a second.
  ///
  /// Returns   False if a connection was lost or the time was over first.
  template <std::predicate Done>
  [[nodiscard]] bool run_until(Done&& done, Nanoseconds limit = Listener::no_hurry);
  /// Handles events for some time. Returns false if a connection was lost.
  [[nodiscard]] bool run_for(Nanoseconds time);

  /// Closes the connection because of something that it must not have sent.
  void fail(Connection& connection, std::string_view why);
  /// The first thing that went wrong; empty if nothing did.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  /// Connections that are neither ready nor closed yet.
  [[nodiscard]] std::size_t opening() const noexcept { return opening_; }
  /// When the bytes that are being handled were read.
  [[nodiscard]] Nanoseconds read_at() const noexcept { return read_at_; }

 private:
  void round(Nanoseconds wait);
  void handle(Connection& connection, std::uint32_t events);
  void read(Connection& connection);
  [[nodiscard]] std::size_t open_records(Connection& connection, mqtt::Bytes sealed,
                                         std::span<std::byte> plain);
  void upgraded(Connection& connection);
  void take_packets(Connection& connection, mqtt::Bytes bytes);
  void welcome(Connection& connection, const mqtt::Frame& frame);
  void greet(Connection& connection);
  void mark(Connection& connection);
  void flush();
  void flush(Connection& connection);
  void ended(Connection& connection, std::string_view why);
  void close(Connection& connection);

  const Options& options_;
  Listener& listener_;
  sockets::Poller poller_;
  std::optional<TlsClient> tls_;
  std::vector<std::byte> buffer_;  // where sockets are read into
  std::vector<std::byte> sealed_;  // or here, if TLS is to be undone; half as large
  std::vector<Connection*> to_flush_;
  Nanoseconds deadline_;
  Nanoseconds read_at_ = 0;
  std::size_t opening_ = 0;
  std::uint64_t lost_ = 0;
  std::string fault_;
};

template <std::invocable<std::byte*> Put>
void Reactor::send(Connection& connection, std::size_t size, Put&& put) {
  const std::size_t header = options_.websocket ? frame_header_bytes(size) : 0;
  std::byte* const place = connection.output.extend(header + size);
  put(place + header);
  if (header > 0) put_frame(place, size);
  mark(connection);
}

template <std::predicate Done>
bool Reactor::run_until(Done&& done, Nanoseconds limit) {
  constexpr Nanoseconds wait_at_most = one_second / 10;
  const Nanoseconds start = now();
  const Nanoseconds end = deadline_ - start < limit ? deadline_ : start + limit;
  for (;;) {
    const Nanoseconds wait = listener_.on_round();
    flush();
    if (lost_ > 0) return false;
    if (done()) return true;
    const Nanoseconds left = end - now();
    if (left <= 0) return false;
    round(std::clamp<Nanoseconds>(wait, 0, std::min(left, wait_at_most)));
  }
}

}  // namespace bench
