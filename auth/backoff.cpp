#include "auth/backoff.h"

#include <algorithm>

namespace auth {

Backoff::Slot Backoff::admit(const Mac& pair, Time now) {
  Pair& state = touch(pair, now);
  const Time hash = std::max(now, state.next_hash);
  // A burst does not push answers into the far future: a client that waits holds a connection.
  const Time answer = std::max(hash, std::min(state.next_answer, now + options_.longest));
  ++state.failures;
  const std::chrono::milliseconds delay = delay_after(state.failures);
  state.next_hash = hash + std::min(delay, options_.hash_spacing);
  state.next_answer = answer + delay;
  return {hash, answer};
}

Backoff::Time Backoff::repeat(const Mac& pair, Time now) {
  Pair& state = touch(pair, now);
  const Time answer = now + delay_after(state.failures);
  ++state.failures;
  return answer;
}

bool Backoff::must_wait(const Mac& pair, Time now) { return touch(pair, now).next_answer > now; }

void Backoff::failed(const Mac& pair, Time now) {
  Pair& state = touch(pair, now);
  ++state.failures;
  const std::chrono::milliseconds delay = delay_after(state.failures);
  state.next_hash = std::max(state.next_hash, now + std::min(delay, options_.hash_spacing));
  state.next_answer = std::max(state.next_answer, now + delay);
}

/// The state of a pair: fresh if it is new, or was quiet for long.
Backoff::Pair& Backoff::touch(const Mac& pair, Time now) {
  Pair* state = pairs_.find(pair);
  if (state == nullptr || now - state->seen > options_.forget) {
    pairs_.put(pair, Pair{.failures = 0, .next_hash = now, .next_answer = now, .seen = now});
    state = pairs_.find(pair);
  }
  state->seen = now;
  return *state;
}

std::chrono::milliseconds Backoff::delay_after(std::uint32_t failures) const {
  if (failures == 0) return std::chrono::milliseconds(0);
  const std::uint32_t doublings = std::min(failures - 1, 20U);
  return std::min(options_.first * (std::int64_t{1} << doublings), options_.longest);
}

}  // namespace auth
