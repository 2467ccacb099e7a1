// broker/wire/properties.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "broker/wire/bytes.h"
#include "broker/wire/cursor.h"
#include "broker/wire/protocol.h"
#include "broker/wire/utf8.h"

namespace mqtt {

/// Property identifiers (section 2.2.2.2).
enum class PropertyId : std::uint8_t {
  payload_format_indicator = 0x01,
  message_expiry_interval = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0B,
  session_expiry_interval = 0x11,
  assigned_client_identifier = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay_interval = 0x18,
  request_response_information = 0x19,
  response_information = 0x1A,
  server_reference = 0x1C,
  reason_string = 0x1F,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user_property = 0x26,
  maximum_packet_size = 0x27,
  wildcard_subscription_available = 0x28,
  subscription_identifier_available = 0x29,
  shared_subscription_available = 0x2A,
};

/// One property, decoded. Which member holds the value follows from the type that section
/// 2.2.2.2 gives the identifier.
struct Property {
  PropertyId id = PropertyId::payload_format_indicator;
  std::uint32_t number = 0;  // byte, two byte, four byte and variable byte integers
  std::string_view text;     // UTF-8 strings; the value of a user property
  std::string_view name;     // the name of a user property
  Bytes data;                // binary data
  Bytes raw;                 // identifier and value as they stand in the packet
};

/// Takes a whole block, and returns it without its length. Nothing if it does not fit.
[[nodiscard]] inline std::optional<Bytes> take_property_block(Cursor& cursor) noexcept {
  Cursor ahead = cursor;
  const auto length = ahead.variable_byte_integer();
  if (!length) return std::nullopt;
  const auto block = ahead.take(*length);
  if (block) cursor = ahead;
  return block;
}

/// Takes one property apart by its identifier alone: no check of texts, values or place.
///
/// Returns   False at the end, and if the identifier is unknown or the value does not fit; the
///           cursor is then where it was, and `property` is worth nothing.
[[nodiscard]] bool take_property(Cursor& cursor, Property& property) noexcept;

/// Where a property block stands; the will's properties have rules of their own.
enum class PropertyPlace : std::uint8_t {
  connect,
  will,
  connack,
  publish,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  disconnect,
  auth,
};

/// Reads the properties of one block in order, and checks each against section 2.2.2.2.
///
/// Shape      [identifier][value] and so on: the block without the length in front of it.
/// Lifetime   Views into the block.
/// Errors     malformed_packet: an unknown identifier, a value that does not fit the block, bad
///            UTF-8, a value out of the range of its type, an identifier that is not allowed at
///            `place`. protocol_error: an identifier that stands twice (only user properties, and
///            in a PUBLISH to a client subscription identifiers, may), a value the section forbids
///            (a flag that is neither 0 nor 1, Receive Maximum, Maximum Packet Size or Subscription
///            Identifier of 0, a Response Topic that is no topic name [MQTT-3.3.2-14]).
///            topic_alias_invalid: a Topic Alias of 0 [MQTT-3.3.2-8].
class PropertyReader {
 public:
  PropertyReader(Bytes block, PropertyPlace place) : cursor_(block), place_(place) {}

  /// Returns   False at the end of the block. `property` is then unchanged; after an error it is
  ///           worth nothing.
  [[nodiscard]] Decoded<bool> next(Property& property);

 private:
  Cursor cursor_;
  PropertyPlace place_;
  std::uint64_t seen_ = 0;  // one bit per identifier
};

/// Calls `visit(const Property&)` for each property of a block, checked as by PropertyReader.
/// `visit` returns nothing, or a Decoded<bool> of which an error ends the walk.
///
/// Returns   True, or the first error.
template <typename Visit>
[[nodiscard]] Decoded<bool> visit_properties(Bytes block, PropertyPlace place, Visit&& visit);

/// Does a text in a block that PropertyReader accepts break the rule?
[[nodiscard]] bool breaks(TextRule rule, Bytes properties) noexcept;

/// The user properties of a packet, in their order, which is kept as their names may repeat.
///
/// Shape      A view of a property block. Its user properties count, other properties between them
///            do not: so a decoder need not copy them, and an encoder can be given those of a block
///            that write_user_property() made, or of a packet that was decoded.
/// Lifetime   The block belongs to its maker.
class UserProperties {
 public:
  UserProperties() = default;
  /// Requires  A block that PropertyReader accepts. For no user properties give no block: empty()
  ///           does not search.
  explicit UserProperties(Bytes block) : block_(block) {}

  [[nodiscard]] bool empty() const noexcept { return block_.empty(); }
  /// Calls `visit(std::string_view name, std::string_view value)` for each.
  template <typename Visit>
  void for_each(Visit&& visit) const;
  /// Appends them, without the other properties between them.
  void append_to(ByteBuffer& out) const;

 private:
  Bytes block_;
};

/// Appends properties to a buffer, in the order of the calls. The block's length in front is the
/// caller's (a Variable Byte Integer, known only at the end): see write_property_block().
void write_property(ByteBuffer& out, PropertyId id, std::uint32_t number);
void write_property(ByteBuffer& out, PropertyId id, std::string_view text);
void write_property(ByteBuffer& out, PropertyId id, Bytes data);
void write_user_property(ByteBuffer& out, std::string_view name, std::string_view value);

/// Appends a reason string, unless it is empty, and user properties: how most answers end.
void write_explanation(ByteBuffer& out, std::string_view reason_string, const UserProperties& user);

/// Appends `block` with its length in front; an empty one is a length of zero [MQTT-2.2.2-1].
void write_property_block(ByteBuffer& out, Bytes block);

template <typename Visit>
Decoded<bool> visit_properties(Bytes block, PropertyPlace place, Visit&& visit) {
  PropertyReader reader(block, place);
  Property property;
  while (true) {
    const auto more = reader.next(property);
    if (!more) return more;
    if (!*more) return true;
    if constexpr (std::is_void_v<std::invoke_result_t<Visit&, const Property&>>) {
      visit(property);
    } else {
      const Decoded<bool> visited = visit(property);
      if (!visited) return visited;
    }
  }
}

template <typename Visit>
void UserProperties::for_each(Visit&& visit) const {
  Cursor cursor(block_);
  Property property;
  while (take_property(cursor, property)) {
    if (property.id == PropertyId::user_property) visit(property.name, property.text);
  }
}

}  // namespace mqtt
