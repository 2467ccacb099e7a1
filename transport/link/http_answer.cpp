#include "transport/link/http_answer.h"

#include <algorithm>

#include "transport/http.h"
#include "transport/text.h"

namespace transport {

std::string_view HttpAnswer::find(std::string_view name) const noexcept {
  const auto place = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  return place == fields.end() ? std::string_view() : place->second;
}

bool HttpAnswer::has_token(std::string_view name, std::string_view token) const {
  for (const auto& [field, value] : fields) {
    if (field != name) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (equal_any_case(trimmed(rest.substr(0, comma)), token)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

/// The callbacks of http_parser; its `data` is the reader.
struct HttpAnswerReader::Callbacks {
  static HttpAnswerReader& reader(http_parser* parser) noexcept {
    return *static_cast<HttpAnswerReader*>(parser->data);
  }
  static int phrase(http_parser* parser, const char* text, std::size_t size) {
    reader(parser).answer_.phrase.append(text, size);
    return 0;
  }
  static int field(http_parser* parser, const char* text, std::size_t size) {
    HttpAnswerReader& self = reader(parser);
    auto& fields = self.answer_.fields;
    if (fields.empty() || self.in_value_) fields.emplace_back();
    self.in_value_ = false;
    for (const char letter : std::string_view(text, size)) {
      const bool is_upper = letter >= 'A' && letter <= 'Z';
      fields.back().first += is_upper ? static_cast<char>(letter - 'A' + 'a') : letter;
    }
    return 0;
  }
  static int value(http_parser* parser, const char* text, std::size_t size) {
    HttpAnswerReader& self = reader(parser);
    self.in_value_ = true;
    self.answer_.fields.back().second.append(text, size);
    return 0;
  }
  static int head_complete(http_parser* parser) {
    HttpAnswerReader& self = reader(parser);
    self.answer_.status = parser->status_code;
    self.complete_ = true;
    return 2;  // the bytes behind the head are not for http_parser
  }
  static http_parser_settings all() noexcept {
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_status = phrase;
    settings.on_header_field = field;
    settings.on_header_value = value;
    settings.on_headers_complete = head_complete;
    return settings;
  }
};

HttpAnswerReader::Result HttpAnswerReader::read(mqtt::Bytes bytes) {
  static const http_parser_settings settings = Callbacks::all();
  if (bytes_left_ == 0) return {Progress::too_large, 0};
  parser_.data = this;
  const std::string_view text = mqtt::as_text(bytes.first(std::min(bytes.size(), bytes_left_)));
  const std::size_t used = http_parser_execute(&parser_, &settings, text.data(), text.size());
  bytes_left_ -= std::min(used, bytes_left_);
  if (complete_) return {Progress::complete, used};
  if (HTTP_PARSER_ERRNO(&parser_) != HPE_OK) return {Progress::malformed, used};
  if (text.size() < bytes.size()) return {Progress::too_large, used};
  return {Progress::incomplete, used};
}

}  // namespace transport
