#pragma once

#include <string>
#include <string_view>

#include "conf/reader.h"

namespace conf {

/// Reads darter.toml: the options of the table under the names that they have in mosquitto.conf.
///
/// Shape      Options of the broker at the top level, one [[listener]] table for each listener with
///            its port, bind_address or unix_socket_path, and one [[connection]] table for each
///            bridge with its name. An option that may be repeated is an
///            array.
///            Security options at the top level stand for every listener that has none of its own.
///
/// The text's options go to `writer`, and so does every error, with its line; of errors in the
/// syntax of TOML only the first.
void read_toml(std::string_view text, const std::string& file, FileRole role, SourceWriter& writer);

}  // namespace conf
