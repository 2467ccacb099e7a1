#pragma once

#include <expected>
#include <string>

#include "broker/core/secret.h"

namespace passwd {

/// Why there is no password.
struct PromptFault {
  std::string text;  // one sentence, in the words of mosquitto_passwd
  bool passwords_differ = false;
};

/// Reads a password from standard input. At a terminal the user is asked for it without echo, and
/// a second time if it is `new_one`; otherwise it is the first line, and a second line must repeat
/// it if there is one. A signal that ends or stops the program (Ctrl-C, Ctrl-Z) does so after the
/// terminal is restored; no typed character is in a core.
///
/// Errors    Nothing was typed, or the two differ.
[[nodiscard]] std::expected<broker::Secret, PromptFault> ask_password(const std::string& user,
                                                                      bool new_one);

}  // namespace passwd
