// broker/wire/subscribe.h
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
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
struct Subscribe {
  PacketId packet_id{0};
  std::uint32_t subscription_identifier = 0;  // 0: none
  std::vector<SubscribeEntry> entries;        // at least one [MQTT-3.8.3-2]
};

/// The head of a SUBSCRIBE or UNSUBSCRIBE, in front of the filters, which are read one by one.
struct SubscribeHead {
  PacketId packet_id{0};
  std::uint32_t subscription_identifier = 0;  // 0: none
  Bytes filters;                              // with their options; not empty
};
/// Errors    As decode_subscribe(), for what stands in front of the filters.
[[nodiscard]] Decoded<SubscribeHead> decode_subscribe_head(const Frame& frame, Version version);
/// Takes the first of the filters. Requires that there is one.
[[nodiscard]] Decoded<SubscribeEntry> next_entry(Bytes& filters, Version version);

/// Errors    malformed_packet: reserved option bits [MQTT-3.8.3-5] [MQTT3-3.8.3-4] (3.1 had none:
///           there they are ignored), identifier 0, bad UTF-8, leftovers, QoS 3 before 5.0;
///           protocol_error: no filter [MQTT-3.8.3-2], QoS 3, retain handling 3, no local on a
///           shared subscription [MQTT-3.8.3-4].
[[nodiscard]] Decoded<Subscribe> decode_subscribe(const Frame& frame, Version version);

/// UNSUBSCRIBE (section 3.10).
struct Unsubscribe {
  PacketId packet_id{0};
  std::vector<std::string_view> filters;  // at least one [MQTT-3.10.3-2]
};

[[nodiscard]] Decoded<SubscribeHead> decode_unsubscribe_head(const Frame& frame, Version version);
[[nodiscard]] Decoded<std::string_view> next_filter(Bytes& filters);

/// Errors    As decode_subscribe().
[[nodiscard]] Decoded<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version);

/// How large a SUBACK or UNSUBACK of MQTT 5.0 is that answers so many filters.
[[nodiscard]] std::size_t answer_size_bytes(std::size_t filters) noexcept;

/// What a SUBACK says for a reason; before 5.0 every failure is 0x80.
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
