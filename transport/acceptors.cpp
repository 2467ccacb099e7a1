#include "transport/acceptors.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <string>
#include <utility>
#include <uv.h>

#include "transport/loop.h"

namespace transport {

namespace {

constexpr std::int64_t accept_pause_milliseconds = 500;

}  // namespace

int Acceptors::open(const std::vector<std::shared_ptr<Listener>>& listeners) {
  for (const std::shared_ptr<Listener>& listener : listeners) {
    if (const int error = add(listener); error != 0) return error;
  }
  return 0;
}

int Acceptors::add(const std::shared_ptr<Listener>& listener) {
  for (const int socket : listener->sockets()) {
    auto acceptor = std::make_unique<Acceptor>(loop_, listener, socket);
    if (const int error = acceptor->open(); error != 0) return error;
    if (is_waiting()) acceptor->pause();
    open_.push_back(std::move(acceptor));
  }
  return 0;
}

void Acceptors::replace(const std::vector<std::shared_ptr<Listener>>& listeners) {
  assert(is_thread_of(loop_));
  auto before = std::exchange(open_, {});
  for (const std::shared_ptr<Listener>& listener : listeners) {
    const auto old = std::ranges::stable_partition(
        before, [&](const auto& acceptor) { return acceptor->listener() != listener; });
    const bool stays = !old.empty();
    std::ranges::move(old, std::back_inserter(open_));
    before.erase(old.begin(), old.end());
    if (stays) continue;
    if (const int error = add(listener); error != 0) {
      loop_.commons().log.write_event(
          broker::LogType::error, {.event = broker::Event::listener_failed},
          std::string("Unable to accept from a listener: ") + uv_strerror(error) + ".");
    }
  }
  for (auto& acceptor : before) {
    const bool succeeded = std::ranges::any_of(listeners, [&](const auto& listener) {
      return same_place(listener->options(), acceptor->listener()->options());
    });
    end(std::move(acceptor), !succeeded);
  }
}

void Acceptors::end(std::unique_ptr<Acceptor> acceptor, bool for_good) {
  if (for_good && !is_waiting()) acceptor->accept_last();
  Acceptor* const ending = acceptor.get();
  closing_.push_back(std::move(acceptor));
  ending->close([this, ending] {
    std::erase_if(closing_, [&](const auto& each) { return each.get() == ending; });
  });
}

void Acceptors::pause() {
  for (const auto& acceptor : open_) acceptor->pause();
}

void Acceptors::close() {
  for (const auto& acceptor : open_) acceptor->close();
}

bool Acceptors::may_accept() {
  if (!loop_.commons().gate.is_shut()) return true;
  held_ = true;
  pause();
  return false;
}

void Acceptors::release() {
  if (!std::exchange(held_, false) || is_waiting() || loop_.shutdown().has_begun()) return;
  for (const auto& acceptor : open_) acceptor->resume();
}

void Acceptors::out_of_descriptors() {
  assert(is_thread_of(loop_));
  if (is_waiting()) return;
  loop_.commons().descriptors.write(loop_.commons().log, loop_.now());
  pause();
  resume_ = broker::after_milliseconds(loop_.now(), accept_pause_milliseconds);
}

void Acceptors::tick() {
  if (!is_waiting() || loop_.now() < resume_ || loop_.shutdown().has_begun()) return;
  const bool free =
      std::ranges::all_of(open_, [](const auto& acceptor) { return acceptor->has_descriptor(); });
  resume_ =
      free ? broker::Instant{} : broker::after_milliseconds(loop_.now(), accept_pause_milliseconds);
  if (!free) return;
  for (const auto& acceptor : open_) acceptor->resume();
}

}  // namespace transport
