// transport/http.h
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/wire/bytes.h"
#include "transport/http_head.h"

namespace transport {

/// The head of an HTTP request.
struct HttpRequest : HttpFields {
  std::string method;
  std::string target;  // as it stands in the request line
  unsigned major = 0;
  unsigned minor = 0;

  /// Of the target the path, without its query. Of one in absolute form, as it is sent to a proxy,
  /// scheme and host are left out (RFC 9112, section 3.2.2).
  [[nodiscard]] std::string_view path() const noexcept;
  /// The value of the first parameter of that name in the query, decoded: "b c" of "?a=b+c".
  /// Nothing if there is none, or if it cannot be decoded.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
};

/// Text of a target with its %XX decoded; nothing if it is malformed or has a zero byte.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

/// Reads the head of one HTTP request, however it is cut into pieces.
///
/// Lifetime   One per connection and handshake; owns the bytes of the head.
class HttpRequestReader {
 public:
  using Progress = HttpHeadReader::Progress;
  using Result = HttpHeadReader::Result;

  /// `bytes_max` bounds request line and header fields together.
  explicit HttpRequestReader(std::size_t bytes_max) noexcept
      : head_(HttpHeadReader::Kind::request, bytes_max) {}

  /// To be called until it says something else than incomplete.
  [[nodiscard]] Result read(mqtt::Bytes bytes);

  /// How many more bytes the head may have.
  [[nodiscard]] std::size_t bytes_left() const noexcept { return head_.bytes_left(); }
  /// The request; empty before read() has returned complete.
  [[nodiscard]] const HttpRequest& request() const noexcept { return request_; }
  /// Moves the request out. Requires that read() has returned complete.
  [[nodiscard]] HttpRequest take() { return std::move(request_); }
  /// The fault of a malformed head, in words.
  [[nodiscard]] std::string_view error() const noexcept { return head_.error(); }

 private:
  HttpHeadReader head_;
  HttpRequest request_;
};

/// An answer that refuses: one line of text says why.
struct HttpRefusal {
  unsigned status = 400;
  std::string text;    // one sentence
  std::string fields;  // further header lines, each with its CR LF
  bool json = false;   // the body is {"error": "..."} instead of the plain sentence
};

/// The whole response, with Content-Length and Connection: close. `head_only` leaves the body out.
[[nodiscard]] std::string encode(const HttpRefusal& refusal, bool head_only = false);

/// `{"error": "TEXT"}`, with control characters as blanks.
[[nodiscard]] std::string error_json(std::string_view text);

/// "404 Not Found" and so on.
[[nodiscard]] std::string status_line(unsigned status);

/// Text from the network made fit for a log line or a response: printable ASCII, at most 100 bytes.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace transport
