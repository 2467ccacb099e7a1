// broker/server/trace_questions.h
#pragma once

#include <expected>
#include <string>

#include "broker/server/ask/question.h"
#include "broker/server/ask/selection.h"
#include "transport/loops.h"

namespace server {

/// Questions about traces, and orders.
///
/// Shape      "do=begin" and one of "client=PATTERN", "topic=FILTER", "address=NETWORK", with
///            "payload" if payloads are to be shown -> {"id": 3}
///            "do=read", "of=3", "after=17" -> {"id": 3, "records": [...], "lost": 0, "more":
///            false} "do=end", "of=3" -> {"ended": 3} "do=list" -> {"traces": [...]}
/// Threads    The main thread.
class TraceQuestions {
 public:
  using Json = ask::Json;
  /// Errors    One sentence.
  using Result = std::expected<Json, std::string>;

  explicit TraceQuestions(transport::Loops& loops) : loops_(loops) {}

  [[nodiscard]] Result answer(const ask::Question& question);

 private:
  [[nodiscard]] Result begin(const ask::Question& question);
  [[nodiscard]] Result read(const ask::Question& question);
  [[nodiscard]] Result end(const ask::Question& question);
  [[nodiscard]] Result list();

  transport::Loops& loops_;
};

}  // namespace server
