// persistence/row.h
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "broker/wire/bytes.h"
#include "broker/wire/cursor.h"
#include "broker/wire/publish.h"
#include "persistence/database.h"

namespace persistence {

/// Reads the columns of one row, in their order, as the types that they stand for.
///
/// Shape      sound() tells afterwards whether every column was in the range of its type: a disk
/// may
///            give back other bytes than it was given. A value that was not is cut to its type.
/// Lifetime   That of the row: texts and bytes point into it.
/// Threads    Those of its statement.
class Row {
 public:
  /// darter's keys are below, so that there is room for as many again.
  static constexpr std::int64_t key_max = INT64_MAX / 2;

  explicit Row(Statement& read) : read_(read) {}

  [[nodiscard]] bool sound() const noexcept { return sound_; }

  std::uint64_t key() { return static_cast<std::uint64_t>(number(1, key_max)); }
  /// 0 to the largest of its type.
  template <typename Number>
  Number number() {
    constexpr auto most = std::numeric_limits<Number>::max();
    return static_cast<Number>(
        number(0, std::cmp_less(most, key_max) ? static_cast<std::int64_t>(most) : key_max));
  }
  /// Any 64 bits.
  std::uint64_t bits() { return static_cast<std::uint64_t>(read_.integer()); }
  bool flag() { return number(0, 1) != 0; }
  mqtt::Qos qos() {
    const std::int64_t value = number(0, 2);
    return value == 1 || value == 2 ? static_cast<mqtt::Qos>(value) : mqtt::Qos::at_most_once;
  }
  std::optional<std::uint64_t> number_or_null(std::int64_t least, std::int64_t most) {
    const auto value = read_.integer_or_null();
    if (value) check(*value, least, most);
    return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
  }
  /// Milliseconds since 1970, on this side of the year 100,000.
  std::optional<std::int64_t> wall() {
    constexpr std::int64_t milliseconds_max = 3'093'527'980'800'000;
    const auto value = read_.integer_or_null();
    if (value) check(*value, -milliseconds_max, milliseconds_max);
    return value;
  }
  /// A text that fits a packet's field.
  std::string_view text() {
    const std::string_view value = read_.text();
    check(static_cast<std::int64_t>(value.size()), 0, UINT16_MAX);
    return value;
  }
  mqtt::Bytes data() {
    const std::string_view value = read_.text();
    check(static_cast<std::int64_t>(value.size()), 0, mqtt::variable_byte_integer_max);
    return mqtt::as_bytes(value);
  }

 private:
  std::int64_t number(std::int64_t least, std::int64_t most) {
    const std::int64_t value = read_.integer();
    check(value, least, most);
    return value;
  }
  void check(std::int64_t value, std::int64_t least, std::int64_t most) noexcept {
    sound_ = sound_ && value >= least && value <= most;
  }

  Statement& read_;
  bool sound_ = true;
};

}  // namespace persistence
