// broker/wire/subscribe.h
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/properties.h"
#include "broker/wire/protocol.h"

namespace mqtt {

/// Retain Handling (section 3.8.3.1).
enum class RetainHandling : std::uint8_t { send = 0, send_if_new = 1, do_not_send = 2 };

/// One topic filter of a SUBSCRIBE with its options.
struct SubscribeEntry {
  std::string_view filter{};  // UTF-8, not yet checked as a filter; may be "$share/..."
  Qos qos = Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  RetainHandling retain_handling = RetainHandling::send;
};

/// SUBSCRIBE (section 3.8).
///
/// Lifetime   Views into the frame, if it was decoded; so have the structs below.
struct Subscribe {
  PacketId packet_id{0};
  std::uint32_t subscription_identifier = 0;  // 0: none
  std::vector<SubscribeEntry> entries{};      // at least one [MQTT-3.8.3-2]
  UserProperties user_properties{};
};

/// The head of a SUBSCRIBE or UNSUBSCRIBE, in front of the filters, which are read one by one.
struct SubscribeHead {
  PacketId packet_id{0};
  std::uint32_t subscription_identifier = 0;  // 0: none
  Bytes filters;                              // with their options; not empty
};
/// Errors    As decode_subscribe(), for the fields before the filters.
[[nodiscard]] Decoded<SubscribeHead> decode_subscribe_head(const Frame& frame, Version version);
/// Takes the first of the filters. Requires that there is one.
[[nodiscard]] Decoded<SubscribeEntry> next_entry(Bytes& filters, Version version);

/// Errors    malformed_packet: reserved option bits [MQTT-3.8.3-5] [MQTT3-3.8.3-4] (3.1 had none:
///           there they are ignored), identifier 0, bad UTF-8, leftovers, QoS 3 before 5.0;
///           protocol_error: no filter [MQTT-3.8.3-2], QoS 3, retain handling 3, no local on a
///           shared subscription [MQTT-3.8.3-4].
[[nodiscard]] Decoded<Subscribe> decode_subscribe(const Frame& frame, Version version);

/// Appends the packet. Before 5.0 the options are a QoS, and nothing else.
///
/// Requires  A packet identifier other than 0, one entry at least, filters in UTF-8; no No Local
///           for a shared subscription [MQTT-3.8.3-4].
void encode(const Subscribe& packet, Version version, ByteBuffer& out);

/// UNSUBSCRIBE (section 3.10).
struct Unsubscribe {
  PacketId packet_id{0};
  std::vector<std::string_view> filters{};  // at least one [MQTT-3.10.3-2]
  UserProperties user_properties{};
};

[[nodiscard]] Decoded<SubscribeHead> decode_unsubscribe_head(const Frame& frame, Version version);
[[nodiscard]] Decoded<std::string_view> next_filter(Bytes& filters);

/// Errors    As decode_subscribe().
[[nodiscard]] Decoded<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version);

/// Appends the packet. Requires as encode(Subscribe).
void encode(const Unsubscribe& packet, Version version, ByteBuffer& out);

/// SUBACK (section 3.9) and UNSUBACK (section 3.11): one shape, two types.
///
/// Shape      [packet identifier:2][properties: 5.0][one code for each filter; none in an UNSUBACK
///            before 5.0]
struct SubscribeAnswer {
  PacketType type = PacketType::suback;
  PacketId packet_id{0};
  /// In the order of the filters [MQTT-3.9.3-1]. Before 5.0 a failure is unspecified_error.
  std::vector<Reason> reasons{};
  std::string_view reason_string{};
  UserProperties user_properties{};
};

/// Decodes a frame of either type.
///
/// Whether there are as many codes as filters were sent [MQTT-3.8.4-6], and whether the identifier
/// was one in use, is for the caller to compare.
///
/// Errors    malformed_packet: too short, bytes left over, bad properties, no code where the
/// version
///           has them; protocol_error: identifier 0, a code that sections 3.9.3 and 3.11.3 do not
///           list [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT3-3.9.3-2].
[[nodiscard]] Decoded<SubscribeAnswer> decode_subscribe_answer(const Frame& frame, Version version);

/// Appends the packet; before 5.0 an UNSUBACK carries no codes, and nothing has properties.
void encode(const SubscribeAnswer& packet, Version version, ByteBuffer& out);

/// How large a SUBACK or UNSUBACK of MQTT 5.0 is that answers so many filters.
[[nodiscard]] std::size_t answer_size_bytes(std::size_t filters) noexcept;

/// The SUBACK's code for a reason; before 5.0 every failure is 0x80.
[[nodiscard]] std::uint8_t suback_code(Reason reason, Version version);

/// Appends a SUBACK: one reason per filter [MQTT-3.8.4-6] [MQTT3-3.8.4-5], in order
/// [MQTT-3.9.3-1], with the identifier of its SUBSCRIBE [MQTT-3.8.4-2] [MQTT3-3.8.4-2].
void encode_suback(PacketId packet_id, std::span<const Reason> reasons, Version version,
                   ByteBuffer& out);

/// Appends an UNSUBACK with the identifier of its UNSUBSCRIBE [MQTT-3.10.4-5] [MQTT3-3.10.4-4];
/// before 5.0 it carries no reasons.
void encode_unsuback(PacketId packet_id, std::span<const Reason> reasons, Version version,
                     ByteBuffer& out);

}  // namespace mqtt
