#include "transport/http_head.h"

#include <algorithm>
#include <cassert>
#include <iterator>

#include "transport/text.h"

namespace transport {

namespace {

char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

}  // namespace

bool equal_any_case(std::string_view left, std::string_view right) noexcept {
  return std::ranges::equal(left, right,
                            [](char one, char other) { return lower(one) == lower(other); });
}

const std::string* HttpFields::find(std::string_view name) const noexcept {
  const auto place = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  return place == fields.end() ? nullptr : &place->second;
}

std::string_view HttpFields::value(std::string_view name) const noexcept {
  const std::string* const found = find(name);
  return found == nullptr ? std::string_view() : std::string_view(*found);
}

std::size_t HttpFields::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count(fields, name, &std::pair<std::string, std::string>::first));
}

std::vector<std::string_view> HttpFields::list(std::string_view name) const {
  std::vector<std::string_view> elements;
  for (const auto& [field, value] : fields) {
    if (field != name) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (const std::string_view element = trimmed(rest.substr(0, comma)); !element.empty()) {
        elements.push_back(element);
      }
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return elements;
}

bool HttpFields::has_token(std::string_view name, std::string_view token) const {
  return std::ranges::any_of(
      list(name), [&](std::string_view element) { return equal_any_case(element, token); });
}

/// The callbacks of http_parser; its `data` is the reader.
struct HttpHeadReader::Callbacks {
  static HttpHeadReader& reader(http_parser* parser) noexcept {
    return *static_cast<HttpHeadReader*>(parser->data);
  }
  static int start_line(http_parser* parser, const char* text, std::size_t size) {
    reader(parser).start_line_text_.append(text, size);
    return 0;
  }
  static int field(http_parser* parser, const char* text, std::size_t size) {
    HttpHeadReader& self = reader(parser);
    auto& fields = self.fields_.fields;
    if (fields.empty() || self.in_value_) fields.emplace_back();
    self.in_value_ = false;
    std::transform(text, text + size, std::back_inserter(fields.back().first), lower);
    return 0;
  }
  static int value(http_parser* parser, const char* text, std::size_t size) {
    HttpHeadReader& self = reader(parser);
    assert(!self.fields_.fields.empty());
    self.in_value_ = true;
    self.fields_.fields.back().second.append(text, size);
    return 0;
  }
  static int head_complete(http_parser* parser) {
    reader(parser).complete_ = true;
    return 2;  // the bytes behind the head are not for http_parser
  }
  static http_parser_settings all() noexcept {
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_url = start_line;
    settings.on_status = start_line;
    settings.on_header_field = field;
    settings.on_header_value = value;
    settings.on_headers_complete = head_complete;
    return settings;
  }
};

HttpHeadReader::HttpHeadReader(Kind kind, std::size_t bytes_max) noexcept : bytes_left_(bytes_max) {
  http_parser_init(&parser_, kind == Kind::request ? HTTP_REQUEST : HTTP_RESPONSE);
}

HttpHeadReader::Result HttpHeadReader::read(mqtt::Bytes bytes) {
  static const http_parser_settings settings = Callbacks::all();
  assert(!complete_);
  if (bytes_left_ == 0) return {Progress::too_large, 0};
  parser_.data = this;
  const std::string_view text = mqtt::as_text(bytes.first(std::min(bytes.size(), bytes_left_)));
  const std::size_t used = http_parser_execute(&parser_, &settings, text.data(), text.size());
  bytes_left_ -= std::min(used, bytes_left_);
  if (complete_) return {Progress::complete, used};
  if (HTTP_PARSER_ERRNO(&parser_) == HPE_HEADER_OVERFLOW) return {Progress::too_large, used};
  if (HTTP_PARSER_ERRNO(&parser_) != HPE_OK) return {Progress::malformed, used};
  if (text.size() < bytes.size()) return {Progress::too_large, used};
  return {Progress::incomplete, used};
}

std::string_view HttpHeadReader::error() const noexcept {
  return http_errno_description(static_cast<http_errno>(HTTP_PARSER_ERRNO(&parser_)));
}

}  // namespace transport
