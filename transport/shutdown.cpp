#include "transport/shutdown.h"

#include <cassert>

#include "transport/loop.h"

namespace transport {

void Shutdown::stop_input() {
  assert(phase_ == Phase::none);
  loop_.acceptors().pause();
  loop_.connections().drop_strangers();
  phase_ = Phase::input_stopped;
  loop_.shard().reads(false, loop_.now());
}

bool Shutdown::publish_wills() {
  assert(phase_ == Phase::input_stopped);
  if (loop_.mail().has_full_peer()) return true;  // its peers make room meanwhile
  const bool more = loop_.shard().publish_wills(next_will_, loop_.now());
  loop_.flush();
  return more;
}

bool Shutdown::carry_on() {
  loop_.before_input();
  loop_.flush();
  return loop_.shard().journal_pending();
}

void Shutdown::begin() {
  assert(phase_ == Phase::input_stopped);
  loop_.shard().shut_down(loop_.now());
  phase_ = Phase::closing;  // the end of a connection is read
  deadline_ = broker::after_milliseconds(loop_.now(), loop_.options().stop_timeout_milliseconds);
}

void Shutdown::permit_end() noexcept {
  assert(phase_ == Phase::closing);
  phase_ = Phase::may_end;
}

void Shutdown::end_if_done() {
  if (phase_ != Phase::may_end) return;  // others may have something for it still
  const bool is_inhabited = loop_.resident() != nullptr && !loop_.resident()->has_ended();
  const bool waits =
      loop_.connections().size() > 0 || loop_.shard().journal_pending() || is_inhabited;
  if (waits && loop_.now() < deadline_) return;
  loop_.connections().drop_all();
  loop_.events().stop();
}

}  // namespace transport
