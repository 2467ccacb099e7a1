// transport/link/http_answer.h
#pragma once

#include <cstddef>
#include <string>

#include "broker/wire/bytes.h"
#include "transport/http_head.h"

namespace transport {

/// The head of an HTTP answer.
struct HttpAnswer : HttpFields {
  unsigned status = 0;
  std::string phrase{};  // as it stands behind the status
};

/// Reads the head of one HTTP answer, however it is cut into pieces.
///
/// Lifetime   One for each request; owns the bytes of the head.
/// Bounds     16 KiB of head.
class HttpAnswerReader {
 public:
  static constexpr std::size_t bytes_max = std::size_t{16} << 10U;

  using Progress = HttpHeadReader::Progress;
  using Result = HttpHeadReader::Result;

  HttpAnswerReader() noexcept : head_(HttpHeadReader::Kind::answer, bytes_max) {}

  /// To be called until it says something else than incomplete.
  [[nodiscard]] Result read(mqtt::Bytes bytes);

  /// The answer; empty before read() has returned complete.
  [[nodiscard]] const HttpAnswer& answer() const noexcept { return answer_; }

 private:
  HttpHeadReader head_;
  HttpAnswer answer_;
};

}  // namespace transport
