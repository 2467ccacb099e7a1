#pragma once

#include <string_view>

namespace conf {

enum class FileForm { mosquitto, toml };

/// Which of the two forms `text` is written in, told by its first line that is neither empty nor a
/// comment: TOML has a table in brackets there, or a name and an equals sign. Extensions say
/// nothing. A text without such a line says the same in both forms.
[[nodiscard]] FileForm detect_form(std::string_view text);

}  // namespace conf
