// transport/link/http_answer.h
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

/// The head of an HTTP answer.
struct HttpAnswer {
  unsigned status = 0;
  std::string phrase{};                                       // as it stands behind the status
  std::vector<std::pair<std::string, std::string>> fields{};  // names in lower case, in order

  /// The value of the first field of that name (in lower case); empty if there is none.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept;
  /// Whether the lists in fields of that name have `token`, in any case of letters.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;
};

/// Reads the head of one HTTP answer, however it is cut into pieces.
///
/// Lifetime   One for each request; owns the bytes of the head.
/// Bounds     16 KiB of head.
/// Source     RFC 9112; the parsing is http_parser's.
class HttpAnswerReader {
 public:
  static constexpr std::size_t bytes_max = std::size_t{16} << 10U;

  HttpAnswerReader() noexcept { http_parser_init(&parser_, HTTP_RESPONSE); }

  enum class Progress : std::uint8_t { incomplete, complete, malformed, too_large };

  struct Result {
    Progress progress;
    std::size_t used;  // bytes of the head; later ones belong to the next protocol
  };
  /// To be called until it says something else than incomplete.
  [[nodiscard]] Result read(mqtt::Bytes bytes);

  [[nodiscard]] const HttpAnswer& answer() const noexcept { return answer_; }

 private:
  struct Callbacks;

  http_parser parser_{};
  std::size_t bytes_left_ = bytes_max;
  HttpAnswer answer_;
  bool in_value_ = false;
  bool complete_ = false;
};

}  // namespace transport
