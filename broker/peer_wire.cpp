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

#include "broker/wire/cursor.h"
#include "broker/wire/publish.h"
#include "broker/wire/topic.h"

namespace broker {
namespace {

constexpr std::size_t size_field_bytes = 4;
/// The longest Message Expiry Interval, in milliseconds: nothing has more time left.
constexpr std::int64_t time_left_max = std::int64_t{0xFFFF'FFFF} * 1000;

static_assert(std::has_unique_object_representations_v<Metrics> &&
              sizeof(Metrics) % sizeof(std::uint64_t) == 0);
using MetricNumbers = std::array<std::uint64_t, sizeof(Metrics) / sizeof(std::uint64_t)>;

/// `T` is `Of`, constant or not: one list of fields serves writer and reader.
template <typename T, typename Of>
concept FieldsOf = std::same_as<std::remove_const_t<T>, Of>;

// The fields of each kind, in their order: for the writer as for the reader.

void walk(auto& wire, FieldsOf<ConfirmRequest> auto& request) {
  wire(request.number, request.forward, request.depth);
}
void walk(auto& wire, FieldsOf<RetainStamp> auto& stamp) { wire(stamp.count, stamp.shard); }
void walk(auto& wire, FieldsOf<Publisher> auto& publisher) {
  wire(publisher.client_id, publisher.user_name, publisher.listener, publisher.address);
}
void walk(auto& wire, FieldsOf<PeerPublish> auto& publish) {
  wire(publish.message, publish.stamp, publish.publisher, publish.confirm);
}
void walk(auto& wire, FieldsOf<GroupJoin> auto& join) {
  wire(join.share_name, join.filter, join.session, join.session_number, join.qos,
       join.retain_as_published, join.online, join.subscription_identifier);
}
void walk(auto& wire, FieldsOf<GroupLeave> auto& leave) {
  wire(leave.share_name, leave.filter, leave.session, leave.session_number);
}
void walk(auto& wire, FieldsOf<GroupPresence> auto& presence) {
  wire(presence.share_name, presence.filter, presence.session, presence.session_number,
       presence.online);
}
void walk(auto& wire, FieldsOf<GroupDelivery> auto& delivery) {
  wire(delivery.share_name, delivery.filter, delivery.session, delivery.session_number,
       delivery.message, delivery.qos, delivery.retain_as_published,
       delivery.subscription_identifier, delivery.confirm);
}
void walk(auto& wire, FieldsOf<GroupReturn> auto& returned) {
  wire(returned.share_name, returned.filter, returned.message, returned.confirm);
}
void walk(auto& wire, FieldsOf<Confirmed> auto& confirmed) { wire(confirmed.request); }
void walk(auto& /*wire*/, FieldsOf<MetricsRequest> auto& /*request*/) {}
void walk(auto& wire, FieldsOf<MetricsReport> auto& report) { wire(report.metrics); }
void walk(auto& wire, FieldsOf<PublishBatch> auto& batch) { wire.batch(batch); }

/// Appends fields.
class PeerWriter {
 public:
  PeerWriter(Instant now, mqtt::ByteBuffer& out) : now_(now), out_(out) {}

  template <typename... Fields>
  void operator()(const Fields&... fields) {
    (field(fields), ...);
  }
  void batch(const PublishBatch& batch) {
    integer(static_cast<std::uint32_t>(batch.size()));
    batch.for_each([this](const MessageView& message) { body(message); });
  }

 private:
  template <std::unsigned_integral Number>
  void integer(Number number) {
    std::byte* const place = out_.extend(sizeof number);
    for (std::size_t i = 0; i < sizeof number; ++i) {
      place[i] = static_cast<std::byte>(static_cast<std::uint64_t>(number) >> (8 * i) & 0xFFU);
    }
  }
  void field(bool flag) { integer(static_cast<std::uint8_t>(flag ? 1 : 0)); }
  template <std::unsigned_integral Number>
  void field(Number number) {
    integer(number);
  }
  template <typename Name>
    requires std::is_enum_v<Name>
  void field(Name name) {
    integer(static_cast<std::underlying_type_t<Name>>(name));
  }
  void bytes(mqtt::Bytes data) {
    assert(data.size() <= std::numeric_limits<std::uint32_t>::max());
    integer(static_cast<std::uint32_t>(data.size()));
    out_.append(data);
  }
  void field(const std::string& text) { bytes(mqtt::as_bytes(text)); }
  void field(const std::optional<Instant>& expires) {
    field(expires.has_value());
    if (!expires) return;
    const std::int64_t left = expires->milliseconds - now_.milliseconds;
    integer(static_cast<std::uint64_t>(std::clamp<std::int64_t>(left, 0, time_left_max)));
  }
  void body(const MessageView& message) {
    bytes(mqtt::as_bytes(message.topic));
    bytes(message.properties);
    bytes(message.payload);
    field(message.expires);
  }
  void field(const SharedMessage& message) {
    field(message.qos);
    field(message.retain);
    body(message.view());
    field(message.key);
  }
  void field(const std::shared_ptr<const Publisher>& publisher) {
    field(publisher != nullptr);
    if (publisher != nullptr) walk(*this, *publisher);
  }
  void field(const std::shared_ptr<const Metrics>& metrics) {
    const auto numbers = std::bit_cast<MetricNumbers>(*metrics);
    integer(static_cast<std::uint16_t>(numbers.size()));
    for (const std::uint64_t number : numbers) integer(number);
  }
  template <typename Group>
    requires std::is_class_v<Group>
  void field(const Group& group) {
    walk(*this, group);
  }

  Instant now_;
  mqtt::ByteBuffer& out_;
};

/// Takes fields off the front of some bytes. The first fault stays; fields read after it are
/// meaningless, and small.
class PeerReader {
 public:
  PeerReader(Instant now, mqtt::Bytes bytes) : now_(now), cursor_(bytes) {}

  template <typename... Fields>
  void operator()(Fields&... fields) {
    (field(fields), ...);
  }
  void batch(PublishBatch& batch) {
    const auto count = integer<std::uint32_t>();
    if (count == 0) fail("empty batch");
    for (std::uint32_t i = 0; i < count && !what_; ++i) {
      const MessageView message = body();
      if (what_) return;
      if (!PublishBatch::takes(message) || !batch.has_room_for(message)) {
        return fail("message too large for a batch");
      }
      batch.append(message);
    }
  }
  void fail(std::string_view what) {
    if (!what_) what_ = what;
  }
  /// Nothing if all was well and all was read.
  [[nodiscard]] std::optional<std::string_view> fault() const {
    if (!what_ && !cursor_.at_end()) return "bytes left over";
    return what_;
  }

 private:
  mqtt::Bytes take(std::size_t count) {
    const auto taken = cursor_.take(count);
    if (!taken) fail("fields do not fit");
    return taken.value_or(mqtt::Bytes{});
  }
  template <std::unsigned_integral Number>
  Number integer() {
    std::uint64_t number = 0;
    unsigned shift = 0;
    for (const std::byte byte : take(sizeof(Number))) {
      number |= std::to_integer<std::uint64_t>(byte) << shift;
      shift += 8;
    }
    return static_cast<Number>(number);
  }
  bool flag() {
    const auto value = integer<std::uint8_t>();
    if (value > 1) fail("flag is neither 0 nor 1");
    return value == 1;
  }
  mqtt::Bytes bytes() { return take(integer<std::uint32_t>()); }

  void field(bool& value) { value = flag(); }
  template <std::unsigned_integral Number>
  void field(Number& number) {
    number = integer<Number>();
  }
  void field(mqtt::Qos& qos) {
    const auto value = integer<std::uint8_t>();
    if (value > 2) return fail("QoS above 2");
    qos = static_cast<mqtt::Qos>(value);
  }
  template <typename Name>
    requires std::is_enum_v<Name>
  void field(Name& name) {
    name = static_cast<Name>(integer<std::underlying_type_t<Name>>());
  }
  void field(std::string& text) { text = mqtt::as_text(bytes()); }

  std::optional<Instant> expires() {
    if (!flag()) return std::nullopt;
    const auto left = integer<std::uint64_t>();
    if (left > static_cast<std::uint64_t>(time_left_max)) fail("expiry is too far away");
    return after_milliseconds(now_, static_cast<std::int64_t>(left));
  }
  MessageView body() {
    MessageView message;
    message.topic = mqtt::as_text(bytes());
    message.properties = bytes();
    message.payload = bytes();
    message.expires = expires();
    if (what_) return message;
    if (message.topic.size() > std::numeric_limits<std::uint16_t>::max()) fail("topic too long");
    if (const auto topic = mqtt::check_topic_name(message.topic); !topic) fail(topic.error().what);
    if (const auto read = mqtt::check_forwarded_properties(message.properties); !read) {
      fail(read.error().what);
    }
    return message;
  }
  void field(SharedMessage& message) {
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    field(qos);
    const bool retain = flag();
    MessageView view = body();
    view.qos = qos;
    view.retain = retain;
    const auto key = integer<std::underlying_type_t<MessageKey>>();
    if (what_) return;
    message = SharedMessage::copy_of(view);
    message.key = MessageKey{key};
  }
  void field(ConfirmRequest& request) {
    walk(*this, request);
    if (request.depth > peer_depth_max) fail("confirm request of too great a depth");
  }
  void field(std::shared_ptr<const Publisher>& publisher) {
    if (!flag()) return;
    auto read = std::make_shared<Publisher>();
    walk(*this, *read);
    publisher = std::move(read);
  }
  void field(std::shared_ptr<const Metrics>& metrics) {
    MetricNumbers numbers{};
    if (integer<std::uint16_t>() != numbers.size()) return fail("figures of another build");
    for (std::uint64_t& number : numbers) number = integer<std::uint64_t>();
    metrics = std::make_shared<const Metrics>(std::bit_cast<Metrics>(numbers));
  }
  template <typename Group>
    requires std::is_class_v<Group>
  void field(Group& group) {
    walk(*this, group);
  }

  Instant now_;
  mqtt::Cursor cursor_;
  std::optional<std::string_view> what_;
};

/// The properties of a whole message that a shard relies on.
void check(const Confirmed& confirmed, PeerReader& reader) {
  // Holdings files requests by the depth, which counts from 1.
  if (confirmed.request.depth == 0) reader.fail("confirmed request without depth");
}
template <typename Message>
void check(const Message& message, PeerReader& reader) {
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
  PeerReader reader(now, fields);
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
  PeerWriter wire(now, out);
  wire(std::uint32_t{0}, peer_wire_version, kind_of(message));
  std::visit([&](const auto& kind) { walk(wire, kind); }, message);
  const std::size_t size = out.size() - start - size_field_bytes;
  assert(size <= std::numeric_limits<std::uint32_t>::max());
  for (std::size_t i = 0; i < size_field_bytes; ++i) {
    out.data()[start + i] = static_cast<std::byte>(size >> (8 * i) & 0xFFU);
  }
}

}  // namespace broker
