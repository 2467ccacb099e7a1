#pragma once

#include <string>
#include <string_view>

#include "conf/detect.h"
#include "conf/source.h"

namespace conf {

/// Is a file the one that was asked for, or one that it includes? An included one includes no more.
enum class FileRole { main, included };

/// Adds the options of `text` to `writer`, in either form of configuration. `file` is the name that
/// diagnostics give.
void read_file_text(std::string_view text, const std::string& file, FileRole role,
                    SourceWriter& writer);

/// Adds the options of the files in `folder`, one file after the other; `place` has the
/// include_dir.
///
/// Shape      A mosquitto.conf includes *.conf, a darter.toml *.toml too. Each file begins anew,
///            and may be written in either form.
/// Errors    Go to `writer`: a folder or a file that cannot be read, with `place`, and those of the
///           files, with their own places.
void include_folder(const std::string& folder, const Place& place, FileForm of_main,
                    SourceWriter& writer);

}  // namespace conf
