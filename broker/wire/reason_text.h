// broker/wire/reason_text.h
#pragma once

#include <string_view>

#include "broker/wire/reason.h"

namespace mqtt {

/// The name of a reason code, as the table of section 2.4 has it: "Not authorized".
///
/// Returns   "Unknown reason" for a code that the table does not have.
[[nodiscard]] std::string_view text_of(Reason reason) noexcept;

}  // namespace mqtt
