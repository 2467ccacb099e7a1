#include "broker/server/http/desk.h"

#include <cerrno>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace server {

std::expected<std::shared_ptr<Desk>, std::string> Desk::open() {
  transport::Descriptor bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) {
    return std::unexpected(std::string("Unable to open an eventfd: ") + std::strerror(errno) + ".");
  }
  return std::shared_ptr<Desk>(new Desk(std::move(bell)));
}

bool Desk::ask(const Question& question) {
  {
    const std::scoped_lock lock(mutex_);
    if (questions_.size() >= questions_max) return false;
    questions_.push_back(question);
  }
  ring();
  return true;
}

void Desk::ring() const noexcept {
  const std::uint64_t one = 1;
  // It fails only when the bell has been rung 2^64 - 1 times: it is readable then.
  static_cast<void>(!::write(bell_.get(), &one, sizeof one));
}

std::vector<Question> Desk::take() {
  std::uint64_t rings = 0;
  static_cast<void>(!::read(bell_.get(), &rings, sizeof rings));  // nothing: it was not rung
  const std::scoped_lock lock(mutex_);
  return std::exchange(questions_, {});
}

}  // namespace server
