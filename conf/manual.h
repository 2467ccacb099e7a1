#pragma once

#include <string>

namespace conf {

/// The manual page darter.conf(5), in man(7) format: every option there is, from the table.
[[nodiscard]] std::string configuration_manual();

/// The manual page darter(8): every argument, from the table that reads them.
[[nodiscard]] std::string program_manual();

}  // namespace conf
