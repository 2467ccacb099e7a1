#pragma once

#include <cstdint>
#include <ctime>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/publish.h"

namespace shell {

/// An instant of the calendar, for formats that show one.
struct Stamp {
  std::time_t seconds = 0;
  long nanoseconds = 0;

  [[nodiscard]] static Stamp now();
};

/// One field of a format: "%-20.10t" or "%.2:x".
struct Field {
  char letter = '%';
  bool left = false;      // '-'
  bool zeros = false;     // '0': the field is filled with zeros
  int width = 0;          // 0: as wide as the value
  int precision = -1;     // -1: none
  char separator = '\0';  // of groups of hexadecimal digits; '\0': a blank
};

/// A format of -F, taken apart.
///
/// Shape      Texts and fields in their order.
class Format {
 public:
  /// Errors    The line that Mosquitto's tools say, with its line end.
  [[nodiscard]] static std::expected<Format, std::string> parse(std::string_view text);

  /// Appends the message as the format shows it, in local time.
  ///
  /// Errors    A line for the user, with its line end; the part before it in the format is in
  ///           `out`, and the rest too.
  [[nodiscard]] std::optional<std::string> print(const mqtt::Publish& message, Stamp stamp,
                                                 bool pretty, std::string& out) const;

 private:
  struct Piece {
    enum class Kind : std::uint8_t { text, field, date };
    Kind kind = Kind::text;
    std::string text{};  // of a date: one letter of strftime(), or N
    Field field{};
  };
  std::vector<Piece> pieces_;
};

/// How messages are printed without a format.
struct PlainStyle {
  bool verbose = false;  // -v: the topic in front
  bool line_end = true;  // unless -N
};

/// Appends a message as it is printed without a format: one without payload is left out unless its
/// topic is shown.
void print_plain(const mqtt::Publish& message, const PlainStyle& style, std::string& out);

}  // namespace shell
