// broker/server/top_questions.h
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "broker/core/top_meter.h"
#include "broker/server/ask/question.h"
#include "broker/server/ask/selection.h"
#include "transport/loops.h"

namespace server {

/// A topic or a client with its rates.
struct TopRow {
  std::string text;
  bool is_cut = false;
  double rate = 0;        // a second, of the list: messages or bytes
  double error = 0;       // so much of it may be of others
  double other_rate = 0;  // the other of the two
};

/// The first rows of a list, from those of all shards: rows of the same text are summed up. A row
/// of which others may have more than half is left out: it is not known to be a large one.
[[nodiscard]] std::vector<TopRow> first_rows(const std::vector<TopRow>& rows, std::size_t rows_max);

/// The question for the topics and clients that publish with the highest rates.
///
/// Shape      "limit=10" -> {"topics_by_messages": [{"name": "a/b", ...}, ...], and the other lists
///            of broker::TopList}
/// Threads    The main thread.
class TopQuestions {
 public:
  using Json = ask::Json;
  /// Errors    One sentence.
  using Result = std::expected<Json, std::string>;

  explicit TopQuestions(transport::Loops& loops) : loops_(loops) {}

  [[nodiscard]] Result answer(const ask::Question& question);

 private:
  transport::Loops& loops_;
};

}  // namespace server
