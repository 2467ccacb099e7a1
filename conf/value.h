#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace conf {

struct Option;

/// The value of an option, checked against its row of the table.
///
/// Shape      flag: bool. integer and duration (in seconds): int64. All others: string.
using Value = std::variant<bool, std::int64_t, std::string>;

/// Reads `text` as a value of the option's type.
///
/// Requires  `text` has no blanks at its ends.
/// Errors    One sentence that names the option, the text found and the values allowed.
[[nodiscard]] std::expected<Value, std::string> parse_value(const Option& option,
                                                            std::string_view text);

/// The same for a value that is a number already.
[[nodiscard]] std::expected<Value, std::string> check_integer(const Option& option,
                                                              std::int64_t number);

/// How mosquitto.conf spells the value.
[[nodiscard]] std::string to_text(const Option& option, const Value& value);

/// Is this UTF-8 without control characters? (Mosquitto's rule for strings.)
[[nodiscard]] bool is_printable_utf8(std::string_view text);

/// The words of `text`, separated by any of `separators`.
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view text,
                                                     std::string_view separators = " ");

}  // namespace conf
