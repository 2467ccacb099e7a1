#pragma once

#include <string>
#include <string_view>

#include "conf/source.h"

namespace conf {

/// `source` as the text of a darter.toml that means the same: options keep their names, and a
/// comment says where each one stood.
///
/// Requires  `source` has no errors.
[[nodiscard]] std::string to_toml(const Source& source);

/// `text` as a TOML string, quotes included.
[[nodiscard]] std::string toml_string(std::string_view text);

/// A value as TOML writes it, alone.
[[nodiscard]] std::string toml_value(const Option& option, const Value& value);

/// `name`, in quotes where TOML wants them.
[[nodiscard]] std::string toml_key(std::string_view name);

}  // namespace conf
