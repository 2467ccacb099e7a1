#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shell {

/// A JSON value, read and written as the cJSON library does it: Mosquitto's tools print with that.
///
/// Shape      Members of an object keep their order, and a name may stand twice.
/// Invariant  Only the member that `kind` needs has a meaning.
struct Json {
  enum class Kind : std::uint8_t { null, boolean, number, text, array, object };

  Json() = default;
  explicit Json(bool value) : kind(Kind::boolean), truth(value) {}
  explicit Json(double value) : kind(Kind::number), number(value) {}
  explicit Json(std::string_view value) : kind(Kind::text), text(value) {}
  [[nodiscard]] static Json object() { return Json(Kind::object); }
  [[nodiscard]] static Json array() { return Json(Kind::array); }

  /// Appends a member to an object, or with an empty name a value to an array.
  void add(std::string_view name, Json value);

  Kind kind = Kind::null;
  bool truth = false;
  double number = 0;
  std::string text;
  std::vector<std::pair<std::string, Json>> members;  // of an array: without names

 private:
  explicit Json(Kind with) : kind(with) {}
};

/// Most arrays and objects inside of each other.
inline constexpr std::size_t json_depth_max = 1000;

/// Reads a text that holds one value, and white space around it.
///
/// Returns   Nothing if it is no JSON. Numbers may have forms that only strtod() knows ("01").
[[nodiscard]] std::optional<Json> parse_json(std::string_view text);

/// One line without spaces, or with `pretty` a line for each member, set in with tabulators.
[[nodiscard]] std::string print_json(const Json& value, bool pretty);

}  // namespace shell
