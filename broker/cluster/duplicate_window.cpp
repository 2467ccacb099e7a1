#include "broker/cluster/duplicate_window.h"

#include <algorithm>

namespace cluster {

bool DuplicateWindow::take(std::uint64_t number) noexcept {
  if (number == 0) return false;
  if (number > highest_) {
    const std::uint64_t step = number - highest_;
    forget(highest_ + 1, std::min(step, numbers));
    highest_ = number;
  } else if (highest_ - number >= numbers) {
    return false;
  }
  const std::uint64_t place = number % numbers;
  const std::uint64_t bit = std::uint64_t{1} << (place % word_bits);
  std::uint64_t& word = seen_[place / word_bits];
  if ((word & bit) != 0) return false;
  word |= bit;
  return true;
}

void DuplicateWindow::forget(std::uint64_t first, std::uint64_t count) noexcept {
  if (count == numbers) return seen_.fill(0);
  for (std::uint64_t number = first; number != first + count; ++number) {
    const std::uint64_t place = number % numbers;
    seen_[place / word_bits] &= ~(std::uint64_t{1} << (place % word_bits));
  }
}

bool DuplicateWindows::take(SenderId sender, std::uint64_t number) {
  const auto found = windows_.find(sender);
  if (found == windows_.end() && windows_.size() == senders_max) forget_quietest();
  Sender& entry = found != windows_.end() ? found->second : windows_[sender];
  entry.last_used = ++uses_;
  return entry.window.take(number);
}

void DuplicateWindows::forget(Incarnation run) {
  std::erase_if(windows_, [run](const auto& entry) { return run_of(entry.first) == run; });
}

void DuplicateWindows::forget_quietest() {
  // All of them are looked at, once for each sender that is new: nodes do not start that often.
  const auto quietest = std::ranges::min_element(
      windows_, {}, [](const auto& entry) { return entry.second.last_used; });
  windows_.erase(quietest);
}

}  // namespace cluster
