// broker/server/access_questions.h
#pragma once

#include <cstddef>
#include <expected>
#include <string>

#include "broker/core/log.h"
#include "broker/server/ask/question.h"
#include "broker/server/ask/selection.h"
#include "broker/server/listener_set.h"
#include "broker/server/login_service.h"

namespace transport {
class Loops;
}

namespace server {

/// Questions of an administrator about access: bans of addresses, and the deciding lines of ACL
/// files.
///
/// Shape      bans  -> {"bans": [{"address", "seconds_left"}], "next": PLACE or null}
///            bans lift=ADDRESS  -> {"lifted": ADDRESS}
///            acl do=publish|subscribe|receive of=TOPIC [user= client= address= listener=]
///                  -> {"do", "topic", "user", "client_id", "answers": [
///                        {"listener", "allowed", "decided"}]}
/// Errors     Of every question one sentence.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    The main thread.
class AccessQuestions {
 public:
  using Result = std::expected<ask::Json, std::string>;

  AccessQuestions(transport::Loops& loops, const ListenerSet& listeners,
                  const LoginService& login_service, broker::Log& log)
      : loops_(loops), listeners_(listeners), login_service_(login_service), log_(log) {}

  [[nodiscard]] Result bans(const ask::Question& question);
  [[nodiscard]] Result acl(const ask::Question& question) const;

 private:
  [[nodiscard]] Result lift(const std::string& address);

  transport::Loops& loops_;
  const ListenerSet& listeners_;
  const LoginService& login_service_;
  broker::Log& log_;
};

}  // namespace server
