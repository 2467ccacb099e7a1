#pragma once

#include <memory>
#include <string>

#include "tools/darter-client/session.h"

namespace shell {

/// darter-pub: sends one message, some times over, and ends.
///
/// `payload`: empty unless the settings have a message.
[[nodiscard]] std::unique_ptr<Task> publish_task(std::string payload);

/// darter-pub -l: sends each line of standard input, and ends when all are acknowledged.
[[nodiscard]] std::unique_ptr<Task> publish_lines_task();

/// Says why a message cannot be sent, and ends the session.
void fail_to_publish(Session& session, client::Accepted why);

}  // namespace shell
