#pragma once

#include <string>
#include <string_view>

#include "conf/options.h"

namespace conf {

/// How wide the samples, the manual pages and the help are, at most.
inline constexpr std::size_t text_columns = 100;

/// Text folded at text_columns into lines that begin with `prefix`, each with its line end.
[[nodiscard]] std::string folded(std::string_view text, std::string_view prefix);

/// The facts about an option that samples and manual add to its help: " Default: 20 seconds. It is
/// ...", with a blank in front; empty if there are none.
[[nodiscard]] std::string facts_of(const Option& option);

}  // namespace conf
