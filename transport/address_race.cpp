#include "transport/address_race.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace transport {

std::vector<PeerAddress> interleave_families(std::vector<PeerAddress> addresses) {
  if (addresses.empty()) return addresses;
  const int first_family = addresses.front().family();
  std::vector<PeerAddress> others;
  std::ranges::remove_copy(addresses, std::back_inserter(others), first_family,
                           &PeerAddress::family);
  std::erase_if(addresses, [&](const PeerAddress& one) { return one.family() != first_family; });
  std::vector<PeerAddress> all;
  all.reserve(addresses.size() + others.size());
  for (std::size_t i = 0; i < std::max(addresses.size(), others.size()); ++i) {
    if (i < addresses.size()) all.push_back(addresses[i]);
    if (i < others.size()) all.push_back(others[i]);
  }
  return all;
}

AddressRace::AddressRace(std::vector<PeerAddress> addresses, const RaceTimes& times,
                         broker::Instant now)
    : addresses_(interleave_families(std::move(addresses))),
      pause_milliseconds_(std::max<std::int64_t>(times.pause_milliseconds, 10)),
      end_(broker::after_milliseconds(now, times.timeout_milliseconds)),
      next_at_(now),
      state_(addresses_.empty() ? State::failed : State::running) {}

std::optional<AddressRace::Attempt> AddressRace::next(broker::Instant now) noexcept {
  if (state_ != State::running) return std::nullopt;
  if (now >= end_) {
    state_ = State::timed_out;
    return std::nullopt;
  }
  const bool due = in_progress_ == 0 || now >= next_at_;
  if (!due || begun_ == addresses_.size()) return std::nullopt;
  next_at_ = broker::after_milliseconds(now, pause_milliseconds_);
  ++in_progress_;
  return begun_++;
}

std::optional<broker::Instant> AddressRace::next_wake() const noexcept {
  if (state_ != State::running) return std::nullopt;
  return begun_ == addresses_.size() ? end_ : std::min(end_, next_at_);
}

void AddressRace::failed(Attempt attempt) noexcept {
  assert(attempt < begun_ && in_progress_ > 0);
  --in_progress_;
  // The pause was for the newest attempt; an older one that fails hurries nothing.
  if (attempt + 1 == begun_) next_at_ = {INT64_MIN};
  const bool all = in_progress_ == 0 && begun_ == addresses_.size();
  if (all && state_ == State::running) state_ = State::failed;
}

void AddressRace::succeeded(Attempt attempt) noexcept {
  assert(attempt < begun_ && in_progress_ > 0);
  static_cast<void>(attempt);
  --in_progress_;
  if (state_ == State::running) state_ = State::won;
}

}  // namespace transport
