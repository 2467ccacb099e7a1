#pragma once

#include <expected>
#include <string>

#include "tools/darter-client/settings.h"
#include "transport/link/options.h"

namespace shell {

/// The way to the broker that the settings ask for; reads the files of TLS.
///
/// Errors    The line for standard error, in Mosquitto's words where it has them.
[[nodiscard]] std::expected<transport::LinkOptions, std::string> link_options(
    const Settings& settings);

/// The broker's address.
[[nodiscard]] transport::LinkAddress link_address(const Settings& settings);

/// Whether the settings ask for TLS.
[[nodiscard]] bool has_tls(const Settings& settings) noexcept;

}  // namespace shell
