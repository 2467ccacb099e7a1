// broker/field_wire.h
#pragma once

#include <algorithm>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/wire/bytes.h"
#include "broker/wire/cursor.h"
#include "broker/wire/protocol.h"
#include "broker/wire/publish.h"
#include "broker/wire/topic.h"

namespace broker {

/// The longest Message Expiry Interval, in milliseconds: nothing has more time left.
inline constexpr std::int64_t time_left_max = std::int64_t{0xFFFF'FFFF} * 1000;

/// `T` is `Of`, constant or not: one list of fields serves writer and reader.
template <typename T, typename Of>
concept FieldsOf = std::same_as<std::remove_const_t<T>, Of>;

/// Appends values as bytes.
///
/// Shape      Integers are little-endian and have the size of their type, a flag is a byte of 0 or
///            1, a text is [size:4][bytes], a list is [number:4] and its values, a value that may
///            be absent has a flag in front. A message is
///              [qos:1][retain:1][topic: text][properties: text][payload: text][expires][key:8]
///            A point in time is [0] or [1][milliseconds left:8]: hosts have clocks of their own.
///            A struct is its fields, by a function walk(auto& wire, auto& value) in its namespace,
///            which calls wire(fields...) for the writer as for the reader.
class FieldWriter final {
 public:
  FieldWriter(Instant now, mqtt::ByteBuffer& out) : now_(now), out_(out) {}

  template <typename... Fields>
  void operator()(const Fields&... fields) {
    (field(fields), ...);
  }

  template <std::unsigned_integral Number>
  void integer(Number number) {
    std::byte* const place = out_.extend(sizeof number);
    for (std::size_t i = 0; i < sizeof number; ++i) {
      place[i] = static_cast<std::byte>(static_cast<std::uint64_t>(number) >> (8 * i) & 0xFFU);
    }
  }
  void bytes(mqtt::Bytes data) {
    assert(data.size() <= std::numeric_limits<std::uint32_t>::max());
    integer(static_cast<std::uint32_t>(data.size()));
    out_.append(data);
  }
  /// All of a message but its QoS and its RETAIN flag.
  void body(const MessageView& message) {
    bytes(mqtt::as_bytes(message.topic));
    bytes(message.properties);
    bytes(message.payload);
    field(message.expires);
  }

 private:
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
  void field(const std::string& text) { bytes(mqtt::as_bytes(text)); }
  void field(const std::optional<Instant>& expires) {
    field(expires.has_value());
    if (!expires) return;
    const std::int64_t left = expires->milliseconds - now_.milliseconds;
    integer(static_cast<std::uint64_t>(std::clamp<std::int64_t>(left, 0, time_left_max)));
  }
  void field(const SharedMessage& message) {
    field(message.qos);
    field(message.retain);
    body(message.view());
    field(message.key);
  }
  template <typename Value>
  void field(const std::optional<Value>& value) {
    field(value.has_value());
    if (value) field(*value);
  }
  template <typename Value>
  void field(const std::vector<Value>& values) {
    assert(values.size() <= std::numeric_limits<std::uint32_t>::max());
    integer(static_cast<std::uint32_t>(values.size()));
    for (const Value& value : values) field(value);
  }
  template <typename Group>
    requires std::is_class_v<Group>
  void field(const Group& group) {
    walk(*this, group);
  }

  Instant now_;
  mqtt::ByteBuffer& out_;
};

/// Takes values off the front of some bytes, in the form of FieldWriter. The first fault stays;
/// fields read after it are meaningless, and small.
class FieldReader final {
 public:
  FieldReader(Instant now, mqtt::Bytes bytes) : now_(now), cursor_(bytes) {}

  template <typename... Fields>
  void operator()(Fields&... fields) {
    (field(fields), ...);
  }
  void fail(std::string_view what) {
    if (!what_) what_ = what;
  }
  /// Nothing if all was well and all was read.
  [[nodiscard]] std::optional<std::string_view> fault() const {
    if (!what_ && !cursor_.at_end()) return "bytes left over";
    return what_;
  }

  [[nodiscard]] bool failed() const noexcept { return what_.has_value(); }
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
  /// All that is left.
  mqtt::Bytes rest() { return take(cursor_.rest().size()); }

  /// All of a message but its QoS and its RETAIN flag; points into the bytes.
  MessageView body() {
    MessageView message;
    message.topic = mqtt::as_text(bytes());
    message.properties = bytes();
    message.payload = bytes();
    message.expires = time();
    if (what_) return message;
    if (message.topic.size() > std::numeric_limits<std::uint16_t>::max()) fail("topic too long");
    if (const auto topic = mqtt::check_topic_name(message.topic); !topic) fail(topic.error().what);
    if (const auto read = mqtt::check_forwarded_properties(message.properties); !read) {
      fail(read.error().what);
    }
    return message;
  }

 private:
  mqtt::Bytes take(std::size_t count) {
    const auto taken = cursor_.take(count);
    if (!taken) fail("fields do not fit");
    return taken.value_or(mqtt::Bytes{});
  }
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

  void field(std::optional<Instant>& expires) { expires = time(); }
  std::optional<Instant> time() {
    if (!flag()) return std::nullopt;
    const auto left = integer<std::uint64_t>();
    if (left > static_cast<std::uint64_t>(time_left_max)) {
      fail("expiry is too far away");
      return std::nullopt;
    }
    return after_milliseconds(now_, static_cast<std::int64_t>(left));
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
  template <typename Value>
  void field(std::optional<Value>& value) {
    value.reset();
    // Not emplace(): clang takes a class inside of another, with initialisers, for one that cannot
    // be made from nothing.
    if (flag()) field(value.emplace(Value{}));
  }
  template <typename Value>
  void field(std::vector<Value>& values) {
    values.clear();
    const auto count = integer<std::uint32_t>();
    // Memory follows the bytes that are there, not the count.
    for (std::uint32_t i = 0; i < count && !what_; ++i) field(values.emplace_back());
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

}  // namespace broker
