#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/client/options.h"
#include "broker/wire/disconnect.h"
#include "tools/darter-client/settings.h"

namespace shell {

/// The CONNECT that the settings ask for.
///
/// `client_id`: the identifier if the settings give none and the version needs one.
[[nodiscard]] client::Options client_options(const Settings& settings, mqtt::Version version,
                                             const std::string& client_id);

/// The DISCONNECT with the properties of -D.
///
/// Lifetime   Views into the settings.
[[nodiscard]] mqtt::Disconnect disconnect_packet(const Settings& settings, mqtt::Reason reason);

/// The properties of a message as the client takes them: those that travel with it, and its expiry.
struct MessageProperties {
  std::string forwarded{};
  std::optional<std::uint32_t> expiry_seconds{};
  std::uint16_t topic_alias = 0;  // 0: none
  std::uint32_t will_delay_seconds = 0;
};
[[nodiscard]] MessageProperties message_properties(std::string_view block);

}  // namespace shell
