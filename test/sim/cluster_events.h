#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace sim {

/// The clock of a simulation and all that is to happen, in milliseconds.
class Events {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] std::int64_t now() const noexcept { return now_; }
  void after(std::int64_t delay, Action action) {
    queue_.push({now_ + delay, ++count_, std::move(action)});
  }
  /// Events of one instant happen in the order in which they were made.
  void run_until(std::int64_t end) {
    while (!queue_.empty() && queue_.top().at <= end) {
      const Action action = std::move(const_cast<Event&>(queue_.top()).action);
      now_ = queue_.top().at;
      queue_.pop();
      action();
    }
    now_ = end;
  }

 private:
  struct Event {
    std::int64_t at = 0;
    std::uint64_t number = 0;
    Action action;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  std::priority_queue<Event> queue_;
  std::int64_t now_ = 0;
  std::uint64_t count_ = 0;
};

/// All chance of a simulation: one seed, one story.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t number() { return engine_(); }
  std::size_t pick(std::size_t count) { return engine_() % count; }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(pick(static_cast<std::size_t>(most - least + 1)));
  }
  bool chance(unsigned per_thousand) { return pick(1000) < per_thousand; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sim
