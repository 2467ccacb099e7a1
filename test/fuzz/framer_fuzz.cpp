// A stream of bytes, cut anywhere: the framer says of every piece what it says of the whole, and a
// shard that is fed in pieces answers as one that is fed at once.

#include <algorithm>
#include <string>

#include "broker/shard.h"
#include "broker/wire/framer.h"
#include "test/core/stream.h"
#include "test/fuzz/input.h"
#include "test/host.h"

namespace {

using fuzz::require;
using mqtt::Bytes;

/// next_frame() and bytes_missing() over every beginning of a packet.
void check_prefixes(Bytes bytes, std::size_t packet_bytes_max) {
  const auto whole = mqtt::next_frame(bytes, packet_bytes_max);
  bool decided = false;
  std::size_t promised = 0;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const auto piece = fuzz::exact_copy(bytes.first(size));
    const auto frame = mqtt::next_frame(piece, packet_bytes_max);
    const std::size_t missing = mqtt::bytes_missing(piece);
    const bool incomplete = frame && !*frame;
    require(!decided || !incomplete, "what was decided stays decided");
    require(incomplete || !frame || size >= promised, "no packet before what it lacked is there");
    decided = decided || !incomplete;
    if (!frame) {
      require(!whole && whole.error().reason == frame.error().reason, "an error is final");
      return;
    }
    if (*frame) {
      require(whole && *whole && (*whole)->size_bytes == (*frame)->size_bytes, "one packet");
      require((*frame)->size_bytes == size, "a packet is there with its last byte");
      require(missing == 0, "a whole packet lacks nothing");
      return;
    }
    require(missing > 0, "an incomplete packet lacks something");
    promised = std::max(promised, size + missing);
  }
  require(whole && !*whole, "nothing is there before the end");
}

class Silence final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return false; }
  void write(broker::LogType /*type*/, std::string_view /*line*/) override {}
};

/// One shard with one connection, and the bytes that it wrote.
class Server : private test::Host::Part {
 public:
  Server() : host_(options(), 1, log_) { host_[0].opened(id_, {0, 1, "10.0.0.1", "mqtt"}, now_); }

  void receive(Bytes bytes) {
    if (closed_) return;
    const auto copy = fuzz::exact_copy(bytes);
    require(host_[0].received(id_, copy, now_), "an open listener asks nobody");
    while (host_.end_turn(0, now_, *this)) {
    }
  }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] const std::string& written() const { return written_; }

 private:
  friend test::Host;

  static broker::ShardOptions options() {
    broker::ShardOptions options;
    options.limits.sys_interval_seconds = 0;
    options.limits.max_packet_size_bytes = 4096;
    options.listeners.emplace_back().open_to_all = true;
    return options;
  }
  // The part of the loop.
  void write(std::uint32_t /*index*/, broker::ConnectionId /*id*/, const broker::Output& output) {
    written_ += test::stream_of(output);
  }
  void close(std::uint32_t /*index*/, const broker::CloseRequest& /*request*/) { closed_ = true; }

  Silence log_;
  test::Host host_;
  const broker::ConnectionId id_{0, 1};
  const broker::Instant now_{1000};
  bool closed_ = false;
  std::string written_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t step = 1U + input.byte() % 16U;
  const std::string_view cuts = input.take(input.byte() % 8U);
  const std::string_view stream = input.rest();
  const Bytes bytes = mqtt::as_bytes(stream);
  check_prefixes(bytes, 1U + step * 300U);

  Server at_once;
  at_once.receive(bytes);
  Server in_pieces;
  std::size_t cut = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t wanted = cut < cuts.size() ? static_cast<unsigned char>(cuts[cut++]) : step;
    const std::size_t count = std::min(std::max<std::size_t>(wanted, 1), bytes.size() - at);
    in_pieces.receive(bytes.subspan(at, count));
    at += count;
  }
  require(at_once.written() == in_pieces.written(), "cuts change nothing that is written");
  require(at_once.closed() == in_pieces.closed(), "and not how it ends");
  return 0;
}
