// broker/server/http/desk.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/server/http/admins.h"
#include "broker/server/http/api_call.h"
#include "broker/server/http/exposition.h"
#include "transport/descriptor.h"
#include "transport/http_handler.h"

namespace server {

/// A request whose answer the main thread has.
struct Question {
  enum class Kind : std::uint8_t {
    metrics,  ///< all figures
    ready,    ///< whether the broker serves its clients
    api,      ///< `api` says
    sample,   ///< figures for the history: the main thread asks itself, and there is no reply
  };
  Kind kind = Kind::metrics;
  ExpositionForm form = ExpositionForm::prometheus;  // of metrics
  transport::HttpReply reply;
  std::shared_ptr<const ApiCall> api{};  // of api
};

/// The way from handlers of HTTP, on the loops, to the main thread.
///
/// Shape      ask() on a loop -> descriptor() becomes readable -> take() on the main thread, which
///            answers each Question through its reply.
/// Bounds     questions_max; HttpLimits bound the requests of a loop before that.
/// Lifetime   Handlers share it. Questions that were not taken are dropped with it.
/// Threads    ask(), ring() and admins() any, the others the main thread.
class Desk {
 public:
  static constexpr std::size_t questions_max = 4096;

  /// Errors    One sentence, if descriptors ran out.
  [[nodiscard]] static std::expected<std::shared_ptr<Desk>, std::string> open();

  /// Returns   False if questions_max wait.
  [[nodiscard]] bool ask(const Question& question);
  /// Wakes the main thread: it has to look around.
  void ring() const noexcept;
  /// The users of admin_file, which the main thread keeps up to date.
  [[nodiscard]] const std::shared_ptr<Admins>& admins() const noexcept { return admins_; }

  /// Readable from ask() or ring() until take().
  [[nodiscard]] int descriptor() const noexcept { return bell_.get(); }
  /// All questions that wait, in order.
  [[nodiscard]] std::vector<Question> take();

 private:
  explicit Desk(transport::Descriptor bell) : bell_(std::move(bell)) {}

  transport::Descriptor bell_;  // an eventfd
  std::shared_ptr<Admins> admins_ = std::make_shared<Admins>();
  std::mutex mutex_;
  std::vector<Question> questions_;  // under mutex_
};

}  // namespace server
