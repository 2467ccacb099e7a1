// broker/server/ask/retained_rows.h
#pragma once

#include <nlohmann/json.hpp>

#include "broker/core/message.h"
#include "broker/core/retained.h"

namespace ask {

/// One retained message as it is answered.
///
/// Shape      "payload" is text if the payload is UTF-8 as MQTT has it, else there is
///            "payload_base64". Both are cut at 256 bytes; "payload_bytes" is the size of all.
/// Requires   `by` is its publisher, or null: the broker.
[[nodiscard]] nlohmann::ordered_json json_of(const broker::MessageView& message,
                                             const broker::Publisher* by);

}  // namespace ask
