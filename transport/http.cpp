#include "transport/http.h"

#include <algorithm>
#include <charconv>

namespace transport {

namespace {

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

HttpRequestReader::Result HttpRequestReader::read(mqtt::Bytes bytes) {
  const Result result = head_.read(bytes);
  if (result.progress != Progress::complete) return result;
  const http_parser& parser = head_.parser();
  request_ = {std::move(head_.fields()), http_method_str(static_cast<http_method>(parser.method)),
              std::move(head_.start_line_text()), parser.http_major, parser.http_minor};
  return result;
}

std::string status_line(unsigned status) {
  return std::to_string(status) + " " + std::string(phrase_of(status));
}

std::string error_json(std::string_view text) {
  std::string json = R"({"error":")";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') json += '\\';
    json += static_cast<unsigned char>(letter) < 0x20U ? ' ' : letter;
  }
  return json + "\"}\n";
}

std::string encode(const HttpRefusal& refusal, bool head_only) {
  const std::string body = refusal.json ? error_json(refusal.text) : refusal.text + "\n";
  std::string response = "HTTP/1.1 " + status_line(refusal.status) + "\r\n";
  response += refusal.json ? "Content-Type: application/json\r\n"
                           : "Content-Type: text/plain; charset=utf-8\r\n";
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
