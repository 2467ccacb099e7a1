#pragma once

#include <cstdint>
#include <vector>

#include "tools/darter-bench/flow.h"
#include "tools/darter-bench/window.h"

namespace bench {

/// Each publisher has a window of messages under way, and waits when it is full: no broker has to
/// drop anything, and its speed sets the rate.
class ClosedLoop final : public Flow {
 public:
  ClosedLoop(const Options& options, Report& report);

  Nanoseconds on_round() override;

 private:
  void measure() override;
  void on_delivered(const Mark& mark) override;
  void on_acknowledged(std::uint32_t publisher) override { consider(publisher); }
  void consider(std::uint32_t publisher);
  void refill(std::uint32_t publisher);
  [[nodiscard]] std::vector<Window> make_windows();

  std::vector<Window> windows_;       // by publisher
  std::vector<bool> is_ready_;        // is in ready_
  std::vector<std::uint32_t> ready_;  // publishers with room for a batch
  bool publishing_ = false;
};

}  // namespace bench
