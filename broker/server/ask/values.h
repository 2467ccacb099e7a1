#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "broker/server/ask/table.h"

namespace ask {

// Values of an answer. One that another version of the broker lacks, or has in another type, is
// null, 0, empty or false.

[[nodiscard]] inline const nlohmann::ordered_json& at(const nlohmann::ordered_json& json,
                                                      const char* name) {
  static const nlohmann::ordered_json nothing;
  const auto found = json.find(name);
  return found == json.end() ? nothing : *found;
}

[[nodiscard]] inline std::uint64_t number(const nlohmann::ordered_json& json, const char* name) {
  const nlohmann::ordered_json& value = at(json, name);
  if (!value.is_number_integer()) return 0;
  const bool is_negative = !value.is_number_unsigned() && value.get<std::int64_t>() < 0;
  return is_negative ? 0 : value.get<std::uint64_t>();
}

/// As printable() makes it.
[[nodiscard]] inline std::string text(const nlohmann::ordered_json& json, const char* name) {
  const nlohmann::ordered_json& value = at(json, name);
  return value.is_string() ? printable(value.get_ref<const std::string&>()) : std::string();
}

[[nodiscard]] inline bool is_true(const nlohmann::ordered_json& json, const char* name) {
  const nlohmann::ordered_json& value = at(json, name);
  return value.is_boolean() && value.get<bool>();
}

}  // namespace ask
