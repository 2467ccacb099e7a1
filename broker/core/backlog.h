// broker/core/backlog.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "broker/core/delivery.h"
#include "broker/core/queued.h"
#include "broker/core/ring.h"

namespace broker {

/// Messages that wait for one session, oldest first.
///
/// Shape      Each has a number. Numbers increase, and have gaps where one left early:
///                7 8 _ 10 11 _ _ 14
///            Where the latest of a topic is asked for, an index from topic to number is kept.
/// Invariant  The front is no hole. size() and size_bytes() count deliveries without the holes;
///            there are at most as many holes as deliveries, and a few.
/// Threads    None.
class Backlog {
 public:
  /// `sum` counts the deliveries here, too.
  explicit Backlog(Queued& sum) noexcept : sum_(&sum) {}
  ~Backlog();
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  /// Requires   Both are counted in the same sum.
  void swap(Backlog& other) noexcept;

  [[nodiscard]] bool empty() const noexcept { return places_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return places_.size() - holes_; }
  /// Topics, properties and payloads.
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] std::size_t payload_bytes() const noexcept { return payload_bytes_; }
  /// How many have QoS 0.
  [[nodiscard]] std::size_t at_most_once() const noexcept { return at_most_once_; }

  // Each requires that something is there.
  [[nodiscard]] const Delivery& front() const noexcept { return places_[0].delivery; }
  [[nodiscard]] std::uint64_t front_number() const noexcept { return places_[0].number; }
  Delivery pop_front();

  /// Requires   A message, and a number above all before.
  void push(Delivery delivery, std::uint64_t number);

  /// The number of the latest message of a topic.
  ///
  /// Cost      Constant; the first call looks at all that is there.
  [[nodiscard]] std::optional<std::uint64_t> latest_of(std::string_view topic);
  /// Takes one out of the middle. Requires that it is there.
  ///
  /// Cost      O(log size), and now and then O(size).
  Delivery remove(std::uint64_t number);

  /// Calls `visit(number, const Delivery&)` for each from number `begin` on, oldest first.
  template <typename Visit>
  void for_each_from(std::uint64_t begin, Visit&& visit) const;
  /// The same for as long as `visit` returns true.
  template <typename Visit>
  void for_each_while(std::uint64_t begin, Visit&& visit) const;

 private:
  struct Place {
    Delivery delivery;  // without message: a hole
    std::uint64_t number = 0;
  };
  using Topics = std::unordered_map<std::string_view, std::uint64_t>;

  [[nodiscard]] std::size_t place_from(std::uint64_t number) const noexcept;
  Delivery take(Place& place);
  void drop_leading_holes();
  void close_ranks();
  void note_topic(const Place& place);

  Queued* sum_;
  Ring<Place> places_;
  std::size_t holes_ = 0;
  std::size_t size_bytes_ = 0;
  std::size_t payload_bytes_ = 0;
  std::size_t at_most_once_ = 0;
  std::unique_ptr<Topics> topics_;  // null until latest_of(); its keys stand in the messages
};

template <typename Visit>
void Backlog::for_each_from(std::uint64_t begin, Visit&& visit) const {
  for_each_while(begin, [&visit](std::uint64_t number, const Delivery& delivery) {
    visit(number, delivery);
    return true;
  });
}

template <typename Visit>
void Backlog::for_each_while(std::uint64_t begin, Visit&& visit) const {
  for (std::size_t i = place_from(begin); i < places_.size(); ++i) {
    if (places_[i].delivery.message && !visit(places_[i].number, places_[i].delivery)) return;
  }
}

}  // namespace broker
