// broker/server/doctor/configuration.h
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "conf/settings.h"
#include "conf/source.h"

namespace doctor {

/// The broker's configuration, and the place of each of its options.
///
/// Invariant  `settings` came from `source`, which has no errors.
struct Configuration {
  std::string file;
  conf::Settings settings;
  conf::Source source;
  bool is_toml = false;
  std::string store_file;  ///< of the broker's own store; empty: it keeps none

  /// Where an option of the broker was set last; the file as a whole if nowhere.
  [[nodiscard]] std::string where(std::string_view option) const;
  /// Where an option of a listener was set: under it, before all listeners, or, if nowhere, where
  /// the listener itself is written.
  [[nodiscard]] std::string where(std::size_t listener, std::string_view option) const;
  [[nodiscard]] std::string where(std::size_t listener) const;
  /// An option as this file would say it: "websockets_ping_interval 30", or with " = " in TOML.
  /// Text is put in quotes there.
  [[nodiscard]] std::string line(std::string_view option, std::string_view value) const;
};

/// "Listener 9001 on 127.0.0.1" or "Listener /run/mqtt.sock".
[[nodiscard]] std::string name_of(const conf::Listener& listener);

/// Does this address lead nowhere but to this machine?
[[nodiscard]] bool is_loopback(std::string_view address);

/// The options in force here that count by address.
[[nodiscard]] std::vector<std::string_view> counted_by_address(const conf::Settings& settings,
                                                               const conf::Listener& listener);

/// Whether clients of other machines can connect to `listener`.
[[nodiscard]] bool is_open_to_the_world(const conf::Listener& listener);

/// Is everybody asked for something that is checked: a password, a certificate, a key?
[[nodiscard]] bool asks_everybody(const conf::Listener& listener);

}  // namespace doctor
