#pragma once

#include <string>
#include <string_view>

#include "conf/reader.h"

namespace conf {

/// Reads mosquitto.conf as Mosquitto reads it.
///
/// Shape      One option per line, name and value separated by blanks. Lines that begin with '#'
///            are comments; strings run to the end of the line.
///
/// The text's options go to `writer`, and so does every error in it and in the files that it
/// includes, with its line; `file` is the name that errors give.
///
/// Source    mosquitto.conf(5), and the observed behaviour of Mosquitto 2.0.11.
void read_mosquitto(std::string_view text, const std::string& file, FileRole role,
                    SourceWriter& writer);

}  // namespace conf
