// transport/http_head.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <http_parser.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/wire/bytes.h"

namespace transport {

/// The header fields of an HTTP request or answer.
struct HttpFields {
  std::vector<std::pair<std::string, std::string>> fields{};  // names in lower case, in order

  /// The value of the first field of that name (in lower case); null if there is none.
  [[nodiscard]] const std::string* find(std::string_view name) const noexcept;
  /// The same; empty if there is none.
  [[nodiscard]] std::string_view value(std::string_view name) const noexcept;
  /// How many fields of that name there are.
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
  /// All elements of the comma-separated lists in fields of that name, in order.
  [[nodiscard]] std::vector<std::string_view> list(std::string_view name) const;
  /// Whether list(name) has `token`, in any case of letters.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;
};

/// Reads the head of one HTTP message, however it is cut into pieces.
///
/// Lifetime   One for each message; owns the bytes of the head.
/// Bounds     A number of bytes for the start line and the fields together.
/// Threads    None.
/// Source     RFC 9112; the parsing is http_parser's.
class HttpHeadReader {
 public:
  enum class Kind : std::uint8_t { request, answer };
  HttpHeadReader(Kind kind, std::size_t bytes_max) noexcept;

  enum class Progress : std::uint8_t { incomplete, complete, malformed, too_large };

  struct Result {
    Progress progress;
    std::size_t used;  // bytes of the head; later ones belong to the next protocol
  };
  /// To be called until it says something else than incomplete.
  [[nodiscard]] Result read(mqtt::Bytes bytes);

  /// How many more bytes the head may have.
  [[nodiscard]] std::size_t bytes_left() const noexcept { return bytes_left_; }
  /// The fault of a malformed head, in words.
  [[nodiscard]] std::string_view error() const noexcept;

  // Of a head for which read() returned complete; the texts may be moved out.

  /// The target of a request, or the phrase behind the status of an answer.
  [[nodiscard]] std::string& start_line_text() noexcept { return start_line_text_; }
  [[nodiscard]] HttpFields& fields() noexcept { return fields_; }
  /// Method, version and status.
  [[nodiscard]] const http_parser& parser() const noexcept { return parser_; }

 private:
  struct Callbacks;

  http_parser parser_{};
  std::size_t bytes_left_;
  std::string start_line_text_;
  HttpFields fields_;
  bool in_value_ = false;
  bool complete_ = false;
};

/// Compares ASCII in any case of letters.
[[nodiscard]] bool equal_any_case(std::string_view left, std::string_view right) noexcept;

}  // namespace transport
