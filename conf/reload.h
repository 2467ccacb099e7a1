#pragma once

#include <string>
#include <vector>

#include "conf/configuration.h"

namespace conf {

/// An option with another value than before.
struct OptionChange {
  const Option* option = nullptr;  ///< a row of the table
  std::string before;              ///< as it would be written; its default where it was not set
  std::string after;
};

/// Options with other values, in the order of the table. Those without effect are left out.
[[nodiscard]] std::vector<OptionChange> changed_options(const WrittenOptions& before,
                                                        const WrittenOptions& after);

/// Puts the values of the start back where an option is read at start only: the table says which.
///
/// Requires  `settings` were made of `read`.
void keep_start_values(Settings& settings, const WrittenOptions& start, const WrittenOptions& read);

}  // namespace conf
