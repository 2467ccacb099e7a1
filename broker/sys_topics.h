// broker/sys_topics.h
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/figure.h"
#include "broker/core/ids.h"
#include "broker/core/metrics.h"

namespace broker {

/// Figures of the broker beside those of its shards.
struct BrokerFigures {
  std::string version;
  std::int64_t uptime_seconds = 0;
};
[[nodiscard]] FigureTable<BrokerFigures> broker_figures() noexcept;

/// The topics of an average below "$SYS/broker/load/", for a row's `load`.
inline constexpr std::array<std::string_view, 3> load_spans = {"1min", "5min", "15min"};

/// Publishes the figures of shards below "$SYS/broker/", by Mosquitto's names, so that exporters
/// and panels made for it go on working.
///
/// Shape      Each update() publishes the changes since the last one: broker_figures(),
///            shard_figures() and, for the rows with a load, averages per minute that fade over 1,
///            5 and 15 minutes.
/// Threads    None.
class SysTopics final {
 public:
  using Publish = std::function<void(std::string_view topic, std::string_view payload)>;

  explicit SysTopics(std::string version);

  /// `total` is the sum over all shards; the first call sets the start of uptime and loads.
  void update(const Metrics& total, Instant now, const Publish& publish);

 private:
  struct Load {
    const Figure<Metrics>* row;
    std::array<double, load_spans.size()> per_minute{};
  };

  void say(const Publish& publish, std::string_view topic, std::string payload);
  void say_loads(const Metrics& total, Instant now, const Publish& publish);

  BrokerFigures broker_;
  std::map<std::string, std::string, std::less<>> last_;  // by topic
  std::vector<Load> loads_;                               // of the rows that have one
  Metrics previous_;
  Instant started_;
  Instant updated_;
  bool running_ = false;
};

}  // namespace broker
