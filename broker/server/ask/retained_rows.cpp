#include "broker/server/ask/retained_rows.h"

#include <algorithm>
#include <cstddef>
#include <sodium.h>
#include <string>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/utf8.h"

namespace ask {
namespace {

constexpr std::size_t payload_bytes_max = 256;

/// The beginning of a text, without the first bytes of a character that is not whole.
std::string_view beginning_of(std::string_view text) {
  if (text.size() <= payload_bytes_max) return text;
  std::size_t end = payload_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

std::string base64_of(mqtt::Bytes bytes) {
  const mqtt::Bytes shown = bytes.first(std::min(bytes.size(), payload_bytes_max));
  constexpr int variant = sodium_base64_VARIANT_ORIGINAL;
  std::string text(sodium_base64_encoded_len(shown.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(shown.data()),
                    shown.size(), variant);
  text.pop_back();  // the zero byte
  return text;
}

}  // namespace

nlohmann::ordered_json json_of(const broker::MessageView& message, const broker::Publisher* by) {
  nlohmann::ordered_json row;
  row["topic"] = message.topic;
  row["qos"] = static_cast<int>(message.qos);
  row["payload_bytes"] = message.payload.size();
  const std::string_view payload = mqtt::as_text(message.payload);
  if (mqtt::is_utf8_string(payload)) {
    row["payload"] = beginning_of(payload);
  } else {
    row["payload_base64"] = base64_of(message.payload);
  }
  row["client_id"] = by == nullptr ? std::string() : by->client_id;
  row["user"] = by == nullptr ? std::string() : by->user_name;
  return row;
}

}  // namespace ask
