#pragma once

#include <string>
#include <string_view>

#include "conf/source.h"

namespace conf {

/// Reads darter.toml: the options of the table under the names that they have in mosquitto.conf.
///
/// Shape      Options of the broker at the top level, one [[listener]] table for each listener with
///            its port, bind_address or unix_socket_path. What may be repeated is an array.
///            Security options at the top level stand for every listener that has none of its own.
///
/// Returns   What the text says; every error stands in the diagnostics with its line. Of errors in
///           the syntax of TOML there is only the first.
[[nodiscard]] Source read_toml(std::string_view text, const std::string& file);

}  // namespace conf
