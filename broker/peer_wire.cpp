#include "broker/peer_wire.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <concepts>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "broker/field_wire.h"
#include "broker/wire/cursor.h"
#include "broker/wire/topic.h"

namespace broker {
// Outside of the anonymous namespace: FieldWriter and FieldReader find them by their arguments.

static_assert(std::has_unique_object_representations_v<Metrics> &&
                  sizeof(Metrics) % sizeof(std::uint64_t) == 0,
              "each figure is a number of 64 bits: they cross to other shards as such");
using MetricNumbers = std::array<std::uint64_t, sizeof(Metrics) / sizeof(std::uint64_t)>;

// The fields of each kind, in their order: for the writer as for the reader.

static void walk(auto& wire, FieldsOf<ConfirmRequest> auto& request) {
  wire(request.number, request.forward, request.depth);
}
static void walk(auto& wire, FieldsOf<RetainStamp> auto& stamp) { wire(stamp.count, stamp.shard); }
static void walk(auto& wire, FieldsOf<Publisher> auto& publisher) {
  wire(publisher.client_id, publisher.user_name, publisher.listener, publisher.address);
}
static void walk(auto& wire, FieldsOf<PeerPublish> auto& publish) {
  wire(publish.message, publish.stamp, publish.publisher, publish.confirm);
}
static void walk(auto& wire, FieldsOf<GroupJoin> auto& join) {
  wire(join.share_name, join.filter, join.session, join.session_number, join.qos,
       join.retain_as_published, join.online, join.subscription_identifier);
}
static void walk(auto& wire, FieldsOf<GroupLeave> auto& leave) {
  wire(leave.share_name, leave.filter, leave.session, leave.session_number);
}
static void walk(auto& wire, FieldsOf<GroupPresence> auto& presence) {
  wire(presence.share_name, presence.filter, presence.session, presence.session_number,
       presence.online);
}
static void walk(auto& wire, FieldsOf<GroupDelivery> auto& delivery) {
  wire(delivery.share_name, delivery.filter, delivery.session, delivery.session_number,
       delivery.message, delivery.qos, delivery.retain_as_published,
       delivery.subscription_identifier, delivery.confirm);
}
static void walk(auto& wire, FieldsOf<GroupReturn> auto& returned) {
  wire(returned.share_name, returned.filter, returned.message, returned.confirm);
}
static void walk(auto& wire, FieldsOf<Confirmed> auto& confirmed) { wire(confirmed.request); }
static void walk(auto& /*wire*/, FieldsOf<MetricsRequest> auto& /*request*/) {}
static void walk(auto& wire, FieldsOf<MetricsReport> auto& report) { wire(report.metrics); }
static void walk(auto& wire, FieldsOf<LinksFull> auto& links) { wire(links.full); }

// The kinds of fields that only peer messages have.

static void walk(FieldReader& wire, ConfirmRequest& request) {
  wire(request.number, request.forward, request.depth);
  if (request.depth > peer_depth_max) wire.fail("confirm request of too great a depth");
}

static void walk(FieldWriter& wire, const std::shared_ptr<const Publisher>& publisher) {
  wire(publisher != nullptr);
  if (publisher != nullptr) wire(*publisher);
}
static void walk(FieldReader& wire, std::shared_ptr<const Publisher>& publisher) {
  if (!wire.flag()) return;
  auto read = std::make_shared<Publisher>();
  wire(*read);
  publisher = std::move(read);
}

static void walk(FieldWriter& wire, const std::shared_ptr<const Metrics>& metrics) {
  const auto numbers = std::bit_cast<MetricNumbers>(*metrics);
  wire(static_cast<std::uint16_t>(numbers.size()));
  for (const std::uint64_t number : numbers) wire(number);
}
static void walk(FieldReader& wire, std::shared_ptr<const Metrics>& metrics) {
  MetricNumbers numbers{};
  if (wire.integer<std::uint16_t>() != numbers.size()) return wire.fail("figures of another build");
  for (std::uint64_t& number : numbers) number = wire.integer<std::uint64_t>();
  metrics = std::make_shared<const Metrics>(std::bit_cast<Metrics>(numbers));
}

static void walk(FieldWriter& wire, const PublishBatch& batch) {
  wire(static_cast<std::uint32_t>(batch.size()));
  batch.for_each([&](const MessageView& message) { wire.body(message); });
}
static void walk(FieldReader& wire, PublishBatch& batch) {
  const auto count = wire.integer<std::uint32_t>();
  if (count == 0) wire.fail("empty batch");
  for (std::uint32_t i = 0; i < count && !wire.failed(); ++i) {
    const MessageView message = wire.body();
    if (wire.failed()) return;
    if (!PublishBatch::takes(message) || !batch.has_room_for(message)) {
      return wire.fail("message too large for a batch");
    }
    batch.append(message);
  }
}

namespace {

constexpr std::size_t size_field_bytes = 4;

/// The properties of a whole message that a shard relies on.
void check(const Confirmed& confirmed, FieldReader& reader) {
  // Holdings files requests by the depth, which counts from 1.
  if (confirmed.request.depth == 0) reader.fail("confirmed request without depth");
}
template <typename Message>
void check(const Message& message, FieldReader& reader) {
  if constexpr (requires { message.share_name; }) {
    const std::string_view name = message.share_name;
    if (name.find_first_of("/+#") != name.npos || !mqtt::check_topic_name(name)) {
      reader.fail("bad share name");
    }
    const auto filter = mqtt::check_topic_filter(message.filter);
    if (!filter) reader.fail(filter.error().what);
  }
}

using PeerResult = std::expected<PeerMessage, PeerFailure>;

template <typename Message>
PeerResult read_peer_message(Instant now, mqtt::Bytes fields) {
  FieldReader reader(now, fields);
  Message message;
  walk(reader, message);
  check(message, reader);
  if (const auto what = reader.fault()) {
    return std::unexpected(PeerFailure{PeerFault::malformed, *what});
  }
  return message;
}

PeerResult read_kind(std::uint8_t kind, Instant now, mqtt::Bytes fields) {
  switch (static_cast<PeerKind>(kind)) {
    case PeerKind::publish_batch:
      return read_peer_message<PublishBatch>(now, fields);
    case PeerKind::publish:
      return read_peer_message<PeerPublish>(now, fields);
    case PeerKind::group_delivery:
      return read_peer_message<GroupDelivery>(now, fields);
    case PeerKind::group_return:
      return read_peer_message<GroupReturn>(now, fields);
    case PeerKind::group_join:
      return read_peer_message<GroupJoin>(now, fields);
    case PeerKind::group_leave:
      return read_peer_message<GroupLeave>(now, fields);
    case PeerKind::group_presence:
      return read_peer_message<GroupPresence>(now, fields);
    case PeerKind::confirmed:
      return read_peer_message<Confirmed>(now, fields);
    case PeerKind::metrics_request:
      return read_peer_message<MetricsRequest>(now, fields);
    case PeerKind::metrics_report:
      return read_peer_message<MetricsReport>(now, fields);
    case PeerKind::links_full:
      return read_peer_message<LinksFull>(now, fields);
  }
  return std::unexpected(PeerFailure{PeerFault::unknown_kind, "unknown kind of peer message"});
}

std::uint32_t peer_message_size(mqtt::Bytes input) noexcept {
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < size_field_bytes; ++i) {
    size |= std::to_integer<std::uint32_t>(input[i]) << (8 * i);
  }
  return size;
}

// By type, as the order of the variant may change.
constexpr PeerKind kind_of(const PublishBatch& /*m*/) { return PeerKind::publish_batch; }
constexpr PeerKind kind_of(const PeerPublish& /*m*/) { return PeerKind::publish; }
constexpr PeerKind kind_of(const GroupDelivery& /*m*/) { return PeerKind::group_delivery; }
constexpr PeerKind kind_of(const GroupReturn& /*m*/) { return PeerKind::group_return; }
constexpr PeerKind kind_of(const GroupJoin& /*m*/) { return PeerKind::group_join; }
constexpr PeerKind kind_of(const GroupLeave& /*m*/) { return PeerKind::group_leave; }
constexpr PeerKind kind_of(const GroupPresence& /*m*/) { return PeerKind::group_presence; }
constexpr PeerKind kind_of(const Confirmed& /*m*/) { return PeerKind::confirmed; }
constexpr PeerKind kind_of(const MetricsRequest& /*m*/) { return PeerKind::metrics_request; }
constexpr PeerKind kind_of(const MetricsReport& /*m*/) { return PeerKind::metrics_report; }
constexpr PeerKind kind_of(const LinksFull& /*m*/) { return PeerKind::links_full; }

}  // namespace

PeerKind kind_of(const PeerMessage& message) noexcept {
  return std::visit([](const auto& kind) { return kind_of(kind); }, message);
}

std::expected<std::optional<ReceivedPeerMessage>, PeerFailure> next_peer_message(
    mqtt::Bytes input, Instant now, std::size_t message_bytes_max) {
  if (input.size() < size_field_bytes) return std::nullopt;
  const std::size_t size_bytes = size_field_bytes + std::size_t{peer_message_size(input)};
  if (size_bytes > message_bytes_max) {
    return std::unexpected(PeerFailure{PeerFault::too_large, "peer message too large"});
  }
  if (input.size() < size_bytes) return std::nullopt;
  mqtt::Cursor cursor(input.subspan(size_field_bytes, size_bytes - size_field_bytes));
  const auto version = cursor.byte();
  const auto kind = cursor.byte();
  if (version && *version != peer_wire_version) {
    return std::unexpected(PeerFailure{PeerFault::unknown_version, "unknown version of a peer"});
  }
  if (!kind) return std::unexpected(PeerFailure{PeerFault::malformed, "no version and kind"});
  PeerResult message = read_kind(*kind, now, cursor.rest());
  if (!message) return std::unexpected(message.error());
  return ReceivedPeerMessage{std::move(*message), size_bytes};
}

void encode(const PeerMessage& message, Instant now, mqtt::ByteBuffer& out) {
  const std::size_t start = out.size();
  FieldWriter wire(now, out);
  wire(std::uint32_t{0}, peer_wire_version, kind_of(message));
  std::visit([&](const auto& kind) { walk(wire, kind); }, message);
  const std::size_t size = out.size() - start - size_field_bytes;
  assert(size <= std::numeric_limits<std::uint32_t>::max());
  for (std::size_t i = 0; i < size_field_bytes; ++i) {
    out.data()[start + i] = static_cast<std::byte>(size >> (8 * i) & 0xFFU);
  }
}

}  // namespace broker
