// Sessions of a hostile peer: what is accepted is encoded as it was, and a shard can go on with it
// and give it away again.

#include <string>
#include <utility>

#include "broker/session_wire.h"
#include "broker/shard.h"
#include "broker/shard_transfer.h"
#include "test/fuzz/input.h"
#include "test/host.h"

namespace {

using broker::Instant;
using broker::SessionImage;
using fuzz::require;

constexpr Instant now{1'000'000};
constexpr broker::ConnectionId connection{0, 1};

class Silence final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return false; }
  void write(broker::LogType /*type*/, std::string_view /*line*/) override {}
};

std::string encoded(const SessionImage& image) {
  mqtt::ByteBuffer out;
  encode(image, now, out);
  return std::string(mqtt::as_text(out.view()));
}

/// Output is taken and dropped.
void play_turns(test::Host& host) {
  test::Host::Part part;
  while (host.end_turn(0, now, part)) {
  }
}

void adopt(const SessionImage& image) {
  Silence log;
  broker::ShardOptions options;
  options.listeners.resize(1);
  test::Host host(options, 1, log);
  broker::Shard& shard = host[0];
  if (!shard.transfer().adopt(image, connection, now)) {
    require(image.listener != 0, "only another listener keeps a session out");
    return;
  }
  play_turns(host);
  // Its bytes that no handler had seen may have ended it.
  const auto again = shard.transfer().image(image.client_id);
  if (!again) return;
  mqtt::ByteBuffer out;
  encode(*again, now, out);
  require(broker::decode_session(out.view(), now).has_value(), "a shard writes what it may read");
  shard.transfer().release(image.client_id, now);
  play_turns(host);
  require(!shard.transfer().image(image.client_id), "a session that was released is gone");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto bytes = fuzz::exact_copy(input.rest());
  const auto image = broker::decode_session(bytes, now);
  if (!image) {
    require(!image.error().empty(), "a refusal says why");
    return 0;
  }
  require(encoded(*image) == mqtt::as_text(bytes), "what was decoded is encoded as it was");
  adopt(*image);
  return 0;
}
