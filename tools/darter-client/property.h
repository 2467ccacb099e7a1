#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "broker/wire/properties.h"

namespace shell {

/// How the value of a property is written (section 2.2.2.2).
enum class PropertyType : std::uint8_t {
  byte,
  two_bytes,
  four_bytes,
  variable,
  text,
  binary,
  pair
};

/// A property by the name that -D and JSON give it.
struct PropertyKind {
  mqtt::PropertyId id;
  std::string_view name;
  PropertyType type;
  std::string_view commands;  // the names of those that may have it; empty: all
};

/// Returns   Null if the identifier is none.
[[nodiscard]] const PropertyKind* property_kind(mqtt::PropertyId id) noexcept;

/// The properties that a user gave with -D, by packet.
///
/// Shape      Blocks as they stand in a packet, without their length, in the order of the options.
struct Properties {
  std::string connect;
  std::string publish;
  std::string subscribe;
  std::string unsubscribe;
  std::string disconnect;
  std::string will;
};

/// Takes "COMMAND PROPERTY VALUE", or "COMMAND user-property NAME VALUE", off the front of `words`.
///
/// Returns   How many words it took.
/// Errors    The lines for standard error.
[[nodiscard]] std::expected<std::size_t, std::string> take_property_words(
    std::span<const std::string> words, Properties& properties);

/// Checks each block against the rules of MQTT: none twice, values in range.
///
/// Errors    The line for standard error.
[[nodiscard]] std::expected<void, std::string> check_properties(const Properties& properties);

/// Appends one more property to a block.
void add_property(std::string& block, mqtt::PropertyId id, std::uint32_t number);
void add_property(std::string& block, mqtt::PropertyId id, std::string_view text);

/// The user properties of a block, as encoders want them; none if it has none.
[[nodiscard]] mqtt::UserProperties user_properties(std::string_view block);

}  // namespace shell
