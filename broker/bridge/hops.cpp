#include "broker/bridge/hops.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <string>
#include <system_error>

#include "broker/wire/cursor.h"
#include "broker/wire/properties.h"

namespace bridge {
namespace {

bool is_hops(const mqtt::Property& property) noexcept {
  return property.id == mqtt::PropertyId::user_property && property.name == hops_property;
}

std::uint32_t number_of(std::string_view text) noexcept {
  std::uint32_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = fault == std::errc() && end == text.data() + text.size();
  return whole ? std::min(number, hops_max) : hops_max;
}

}  // namespace

std::uint32_t hops_of(mqtt::Bytes properties) noexcept {
  std::uint32_t hops = 0;
  mqtt::Cursor cursor(properties);
  mqtt::Property property;
  while (mqtt::take_property(cursor, property)) {
    if (is_hops(property)) hops = std::max(hops, number_of(property.text));
  }
  return hops;
}

void write_with_hops(mqtt::Bytes properties, std::uint32_t hops, mqtt::ByteBuffer& out) {
  assert(hops > 0 && hops <= hops_max);
  mqtt::Cursor cursor(properties);
  mqtt::Property property;
  while (mqtt::take_property(cursor, property)) {
    if (!is_hops(property)) out.append(property.raw);
  }
  mqtt::write_user_property(out, hops_property, std::to_string(hops));
}

}  // namespace bridge
