#pragma once

#include <expected>
#include <string>

#include "auth/secret.h"

namespace passwd {

/// Reads a password from standard input. At a terminal it is asked for without showing it, and once
/// more if it is `new_one`; otherwise it is the first line, and a second line must repeat it if
/// there is one. A signal that ends or stops the program (Ctrl-C, Ctrl-Z) does so when the terminal
/// is again as it was; nothing of what was typed is in a core.
///
/// Errors    One sentence: nothing was typed, or the two differ.
[[nodiscard]] std::expected<auth::Secret, std::string> ask_password(const std::string& user,
                                                                    bool new_one);

}  // namespace passwd
