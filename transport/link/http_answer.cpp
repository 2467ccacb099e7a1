#include "transport/link/http_answer.h"

#include <utility>

namespace transport {

HttpAnswerReader::Result HttpAnswerReader::read(mqtt::Bytes bytes) {
  const Result result = head_.read(bytes);
  if (result.progress != Progress::complete) return result;
  answer_ = {std::move(head_.fields()), head_.parser().status_code,
             std::move(head_.start_line_text())};
  return result;
}

}  // namespace transport
