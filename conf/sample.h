#pragma once

#include <string>
#include <string_view>

namespace conf {

/// An annotated darter.toml: every option that works, as a comment with its default or an example.
/// An option is a line "#name = value"; the prose around it begins with "# ".
[[nodiscard]] std::string sample_toml();

/// The same as a mosquitto.conf.
[[nodiscard]] std::string sample_mosquitto();

/// The manual page darter.conf(5), in man(7) format: every option there is.
[[nodiscard]] std::string manual_page();

/// One of the three by its name: "toml", "mosquitto" or "man". Empty for any other.
[[nodiscard]] std::string sample_of(std::string_view form);

}  // namespace conf
