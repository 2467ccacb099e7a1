#pragma once

#include <string_view>

namespace conf {

enum class FileForm { mosquitto, toml };

/// Which of the two forms `text` is written in, told by its first line that is neither empty nor a
/// comment: TOML has a table in brackets there, or a name and an equals sign. Of a text without
/// such a line, and only then, the name of the file tells: TOML ends in ".toml".
[[nodiscard]] FileForm detect_form(std::string_view text, std::string_view file);

/// `text` without the mark that editors of Windows put in front of UTF-8.
[[nodiscard]] std::string_view without_byte_order_mark(std::string_view text);

}  // namespace conf
