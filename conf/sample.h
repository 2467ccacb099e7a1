#pragma once

#include <string>
#include <string_view>

namespace conf {

/// An annotated darter.toml: every option that works, as a comment with its default or an example.
/// An option is a line "#name = value"; the prose around it begins with "# ".
[[nodiscard]] std::string sample_toml();

/// The same as a mosquitto.conf.
[[nodiscard]] std::string sample_mosquitto();

/// One of the two by its name, "toml" or "mosquitto", or a manual page: "man" is darter.conf(5),
/// and "man8" is darter(8). Empty for any other.
[[nodiscard]] std::string sample_of(std::string_view form);

}  // namespace conf
