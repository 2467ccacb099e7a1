// broker/server/answers.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/ids.h"
#include "broker/server/api_answers.h"
#include "broker/server/history.h"
#include "broker/server/http/desk.h"
#include "broker/server/http/round.h"
#include "broker/server/sight.h"

namespace server {

/// The main thread's answers to requests of HTTP: figures, whether the broker is ready, and the
/// API.
///
/// Shape      look(), as often as the desk rings: takes the questions, begins a round of the loops
///            for all of them, and answers them when it is complete or overdue. Questions that come
///            meanwhile have the next round: an answer is never older than its question.
///            Questions and orders of administration need no round: some are answered at each look.
///            While there is an admin_file a round each History::interval_seconds is for the
///            history.
/// Bounds     One round at a time, one text of each form for all its requests.
/// Threads    The main thread.
class Answers {
 public:
  /// The parts of the broker that are asked.
  struct Parts {
    std::uint32_t loops = 0;
    Round::Ask ask_loops;
    /// All figures but those of the loops' reports.
    std::function<Sight()> figures;
    /// Why clients are not served as they should be, a sentence each, loops apart.
    std::function<std::vector<std::string>()> faults;
    ApiAnswers api;
  };

  /// Questions and orders of administration for each look(): clients of MQTT have their turn in
  /// between, and so has everything else that the main thread does.
  static constexpr std::size_t orders_per_look = 4;

  Answers(std::shared_ptr<Desk> desk, Parts parts)
      : desk_(std::move(desk)), parts_(std::move(parts)) {}

  /// To be called when the desk has rung, and at least as often as sooner_milliseconds() says.
  void look(broker::Instant now);
  /// `wait`, or how long at most until the next look().
  [[nodiscard]] std::int64_t sooner_milliseconds(std::int64_t wait_milliseconds,
                                                 broker::Instant now) const;
  /// The status of the API, for the control socket.
  [[nodiscard]] std::string status(const Sight& sight) const { return parts_.api.status(sight); }
  /// The broker stops: answers all questions so.
  void stop();

 private:
  void take();
  void administer();
  void finish(std::vector<std::string> faults, broker::Instant now);
  void answer_figures(const std::vector<transport::LoopReport>& reports, broker::Instant now);
  void answer_metrics(const Sight& sight);
  void answer_api(const Sight& sight);
  void answer_ready(const std::vector<std::string>& faults);

  std::shared_ptr<Desk> desk_;
  Parts parts_;
  Round round_;
  std::vector<Question> asked_;    // in the round that is open
  std::vector<Question> waiting_;  // for the next one
  std::deque<Question> orders_;    // of administration, without a round
  History history_;
};

}  // namespace server
