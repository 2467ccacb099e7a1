// broker/server/api_answers.h
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "broker/core/log.h"
#include "broker/server/backups.h"
#include "broker/server/history.h"
#include "broker/server/http/api_call.h"
#include "broker/server/listener_set.h"
#include "broker/server/login_service.h"
#include "broker/server/sight.h"
#include "transport/http_handler.h"

namespace transport {
class Loops;
}

namespace server {

/// The main thread's answers to the API: JSON, of the forms that openapi.json describes.
///
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    The main thread.
class ApiAnswers {
 public:
  ApiAnswers(transport::Loops& loops, const ListenerSet& listeners,
             const LoginService& login_service, broker::Log& log, std::unique_ptr<Backups> backups)
      : loops_(loops),
        listeners_(listeners),
        login_service_(login_service),
        log_(log),
        backups_(std::move(backups)) {}

  /// Answers a call of ApiCall::Kind::administration, backups or back_up: a backup when it is made,
  /// on its thread. An order that was carried out is logged, with the name of the user.
  void administer(const ApiCall& call, const transport::HttpReply& reply);
  /// Answers any other call; `sight` has the figures of the loops.
  [[nodiscard]] transport::HttpResponse answer(const ApiCall& call, const Sight& sight,
                                               const History& history) const;

  /// Before the loops stop: ends a backup that is being made, and answers its request.
  void stop();

  /// The JSON of the status.
  [[nodiscard]] std::string status(const Sight& sight) const;

 private:
  [[nodiscard]] transport::HttpResponse obey(const ApiCall& call);
  [[nodiscard]] transport::HttpResponse list_backups() const;
  /// Nothing: the answer comes later, through `reply`.
  [[nodiscard]] std::optional<transport::HttpResponse> back_up(const ApiCall& call,
                                                               const transport::HttpReply& reply);
  [[nodiscard]] nlohmann::ordered_json listeners() const;
  [[nodiscard]] nlohmann::ordered_json mosquitto_listeners() const;

  transport::Loops& loops_;
  const ListenerSet& listeners_;
  const LoginService& login_service_;
  broker::Log& log_;
  std::unique_ptr<Backups> backups_;  // null: nothing is stored
};

/// The numbers below $SYS by their topics, as Mosquitto's API has them.
[[nodiscard]] nlohmann::ordered_json systree_json(const Sight& sight);
/// All tables of figures, a row each.
[[nodiscard]] nlohmann::ordered_json figures_json(const Sight& sight);

}  // namespace server
