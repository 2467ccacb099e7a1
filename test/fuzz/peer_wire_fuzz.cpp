// Bytes of a hostile peer: what is accepted is encoded as it was, whatever cuts the stream, and
// makes a message that a shard can be given.

#include <string>

#include "broker/peer_wire.h"
#include "broker/wire/publish.h"
#include "broker/wire/topic.h"
#include "test/fuzz/input.h"

namespace {

using broker::Instant;
using broker::PeerMessage;
using fuzz::require;

constexpr Instant now{1'000'000};

void check_message(const broker::MessageView& message) {
  require(mqtt::check_topic_name(message.topic).has_value(), "a topic name");
  require(message.topic.size() <= 65'535, "of a size that a message can have");
  mqtt::ByteBuffer forwarded;
  forwarded_properties(message.properties, forwarded);
  require(mqtt::as_text(forwarded.view()) == mqtt::as_text(message.properties),
          "properties that every subscriber gets");
}

/// What a shard does with messages first: it looks at them, and makes them its own.
struct Receiver {
  void operator()(const broker::PublishBatch& batch) const {
    batch.for_each([](const broker::MessageView& message) {
      require(broker::PublishBatch::takes(message), "a batch holds what batches take");
      check_message(message);
    });
  }
  void operator()(const broker::PeerPublish& publish) const { keep(publish.message); }
  void operator()(const broker::GroupDelivery& delivery) const { keep(delivery.message); }
  void operator()(const broker::GroupReturn& returned) const { keep(returned.message); }
  void operator()(const broker::Confirmed& confirmed) const {
    require(confirmed.request.depth >= 1 && confirmed.request.depth <= broker::peer_depth_max,
            "a depth that Holdings counts");
  }
  template <typename Other>
  void operator()(const Other& /*other*/) const {}

 private:
  static void keep(const broker::SharedMessage& shared) {
    check_message(shared.view());
    const auto message = broker::MessageRef::adopt(shared);
    require(message->topic() == shared.view().topic, "the message is that of its bytes");
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t message_bytes_max = 16 + input.two();
  const auto bytes = fuzz::exact_copy(input.rest());
  mqtt::Bytes rest = bytes;
  for (;;) {
    const auto received = next_peer_message(rest, now, message_bytes_max);
    if (!received) {
      require(!received.error().what.empty(), "a refusal says why");
      return 0;
    }
    if (!*received) return 0;
    const auto& [message, size_bytes] = **received;
    require(size_bytes <= message_bytes_max && size_bytes <= rest.size(), "its size");
    mqtt::ByteBuffer out;
    encode(message, now, out);
    require(mqtt::as_text(out.view()) == mqtt::as_text(rest.first(size_bytes)),
            "what was decoded is encoded as it was");
    std::visit(Receiver{}, message);
    rest = rest.subspan(size_bytes);
  }
}
