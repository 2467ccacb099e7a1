#pragma once

#include <optional>
#include <string>

#include "tools/darter-client/format.h"

namespace shell {

/// Whether a field may have this letter.
[[nodiscard]] bool is_field_letter(char letter) noexcept;

/// Appends a part of a message, as a field of -F shows it.
///
/// Requires  A letter of is_field_letter().
/// Errors    A line for the user if the payload does not fit the field.
[[nodiscard]] std::optional<std::string> print_field(const mqtt::Publish& message, Stamp stamp,
                                                     const Field& field, bool pretty,
                                                     std::string& out);

/// The time in a form of strftime(), in local time.
[[nodiscard]] std::string time_text(Stamp stamp, const char* format);
/// A number with zeros in front, if it has fewer digits than that.
[[nodiscard]] std::string digits_of(long number, int count);

}  // namespace shell
