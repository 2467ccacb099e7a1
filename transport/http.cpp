#include "transport/http.h"

#include <algorithm>
#include <charconv>

#include "transport/text.h"

namespace transport {

namespace {

char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

std::string_view phrase_of(unsigned status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

}  // namespace

bool equal_any_case(std::string_view left, std::string_view right) noexcept {
  return std::ranges::equal(left, right,
                            [](char one, char other) { return lower(one) == lower(other); });
}

const std::string* HttpRequest::find(std::string_view name) const noexcept {
  const auto place = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  return place == fields.end() ? nullptr : &place->second;
}

std::size_t HttpRequest::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count(fields, name, &std::pair<std::string, std::string>::first));
}

std::vector<std::string_view> HttpRequest::list(std::string_view name) const {
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

bool HttpRequest::has_token(std::string_view name, std::string_view token) const {
  return std::ranges::any_of(
      list(name), [&](std::string_view element) { return equal_any_case(element, token); });
}

std::string_view HttpRequest::path() const noexcept {
  const std::string_view text = std::string_view(target).substr(0, target.find('?'));
  const std::size_t scheme = text.find("://");
  if (text.starts_with('/') || scheme == std::string_view::npos) return text;
  const std::size_t path = text.find('/', scheme + 3);
  return path == std::string_view::npos ? "/" : text.substr(path);
}

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
  const std::size_t query = target.find('?');
  if (query == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(target).substr(query + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) != name) continue;
    std::string value(pair.substr(std::min(equals + 1, pair.size())));
    std::ranges::replace(value, '+', ' ');
    return percent_decoded(value);
  }
  return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    if (text.front() != '%') {
      decoded += text.front();
      text.remove_prefix(1);
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc{} || end != digits.data() + 2 || value == 0) return std::nullopt;
    decoded += static_cast<char>(value);
    text.remove_prefix(3);
  }
  return decoded;
}

/// The callbacks of http_parser; its `data` is the reader.
struct HttpRequestReader::Callbacks {
  static HttpRequestReader& reader(http_parser* parser) noexcept {
    return *static_cast<HttpRequestReader*>(parser->data);
  }
  static int url(http_parser* parser, const char* text, std::size_t size) {
    reader(parser).request_.target.append(text, size);
    return 0;
  }
  static int field(http_parser* parser, const char* text, std::size_t size) {
    HttpRequestReader& self = reader(parser);
    auto& fields = self.request_.fields;
    if (fields.empty() || self.in_value_) fields.emplace_back();
    self.in_value_ = false;
    std::transform(text, text + size, std::back_inserter(fields.back().first), lower);
    return 0;
  }
  static int value(http_parser* parser, const char* text, std::size_t size) {
    HttpRequestReader& self = reader(parser);
    self.in_value_ = true;
    self.request_.fields.back().second.append(text, size);
    return 0;
  }
  static int head_complete(http_parser* parser) {
    HttpRequestReader& self = reader(parser);
    self.request_.method = http_method_str(static_cast<http_method>(parser->method));
    self.request_.major = parser->http_major;
    self.request_.minor = parser->http_minor;
    self.complete_ = true;
    return 2;  // the bytes behind the head are not for http_parser
  }
  static http_parser_settings all() noexcept {
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_url = url;
    settings.on_header_field = field;
    settings.on_header_value = value;
    settings.on_headers_complete = head_complete;
    return settings;
  }
};

HttpRequestReader::HttpRequestReader(std::size_t bytes_max) : bytes_left_(bytes_max) {
  http_parser_init(&parser_, HTTP_REQUEST);
}

HttpRequestReader::Result HttpRequestReader::read(mqtt::Bytes bytes) {
  static const http_parser_settings settings = Callbacks::all();
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

std::string_view HttpRequestReader::error() const noexcept {
  return http_errno_description(static_cast<http_errno>(HTTP_PARSER_ERRNO(&parser_)));
}

std::string status_line(unsigned status) {
  return std::to_string(status) + " " + std::string(phrase_of(status));
}

std::string encode(const HttpRefusal& refusal, bool head_only) {
  const std::string body = refusal.text + "\n";
  std::string response = "HTTP/1.1 " + status_line(refusal.status) + "\r\n";
  response += "Content-Type: text/plain; charset=utf-8\r\n";
  response += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  response += refusal.fields;
  response += "Connection: close\r\n\r\n";
  if (!head_only) response += body;
  return response;
}

std::string printable(std::string_view text) {
  constexpr std::size_t bytes_max = 100;
  std::string result(text.substr(0, bytes_max));
  std::ranges::replace_if(result, [](char letter) { return letter < ' ' || letter > '~'; }, '?');
  if (text.size() > bytes_max) result += "...";
  return result;
}

}  // namespace transport
