// broker/server/administration.h
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/log.h"
#include "broker/server/access_questions.h"
#include "broker/server/ask/question.h"
#include "broker/server/ask/selection.h"
#include "broker/server/control_socket.h"
#include "broker/server/listener_set.h"
#include "broker/server/login_service.h"

namespace transport {
class Loops;
}

namespace server {

/// Administration questions about the running broker, and carries out orders, for an administrator.
///
/// Shape      A question's words are those of ask::Question. The text of an answer is JSON: an
///            object, with "error" if the exit status is not 0.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    The main thread, which waits while the loops look: about a millisecond of each turn
///            goes into it, so clients are served meanwhile.
class Administration {
 public:
  Administration(transport::Loops& loops, const ListenerSet& listeners,
                 const LoginService& login_service, broker::Log& log)
      : loops_(loops), listeners_(listeners), access_(loops, listeners, login_service, log) {}

  [[nodiscard]] ControlAnswer answer(const ControlQuestion& words);

 private:
  using Json = ask::Json;
  /// Errors    One sentence.
  using Result = std::expected<Json, std::string>;

  [[nodiscard]] Result list_clients(const ask::Question& question);
  [[nodiscard]] Result page_of_clients(const ask::Question& question,
                                       ask::Selection::Options options);
  [[nodiscard]] Result first_clients(const ask::Selection::Options& options);
  [[nodiscard]] Result show_client(const ask::Question& question);
  [[nodiscard]] Result disconnect(const ask::Question& question);
  [[nodiscard]] Result sessions(const ask::Question& question);
  [[nodiscard]] Result retained(const ask::Question& question);
  [[nodiscard]] Result list_retained(std::string_view filter, std::size_t rows_max,
                                     std::size_t skip);
  [[nodiscard]] std::vector<std::string> listener_names() const;
  /// Calls `order` on every shard; returns whether one of them has obeyed.
  template <typename Order>
  [[nodiscard]] bool on_any_shard(Order&& order);

  transport::Loops& loops_;
  const ListenerSet& listeners_;
  AccessQuestions access_;
};

}  // namespace server
