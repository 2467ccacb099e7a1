// broker/sys_topics.h
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/metrics.h"

namespace broker {

/// The figures below "$SYS/broker/" that Mosquitto publishes, by the same names, so that exporters
/// and panels made for it go on working.
///
/// Shape      Each update() publishes the changes since the last one. Load figures are averages
///            per minute that fade over 1, 5 and 15 minutes.
/// Threads    None.
class SysTopics {
 public:
  using Publish = std::function<void(std::string_view topic, std::string_view payload)>;

  explicit SysTopics(std::string version);

  /// `total` is the sum over all shards; the first call sets the start of uptime and loads.
  void update(const Metrics& total, Instant now, const Publish& publish);

 private:
  struct Load {
    std::string_view topic;  // "messages/received"
    std::uint64_t Metrics::* counter;
    std::array<double, 3> per_minute{};
  };

  void say(const Publish& publish, std::string_view topic, std::string payload);
  void say_count(const Publish& publish, std::string_view topic, std::uint64_t count);
  void say_clients(const Metrics& total, const Publish& publish);
  void say_traffic(const Metrics& total, const Publish& publish);
  void say_refusals(const Metrics& total, const Publish& publish);
  /// Before anything can be averaged: all are there from the start.
  void say_no_loads(const Publish& publish);
  void say_loads(const Metrics& total, Instant now, const Publish& publish);

  std::string version_;
  std::map<std::string, std::string, std::less<>> last_;  // by topic
  std::array<Load, 9> loads_;
  Metrics previous_;
  Instant started_;
  Instant updated_;
  bool running_ = false;
};

/// Adds the figures of one shard to a sum.
void add(Metrics& sum, const Metrics& shard);

}  // namespace broker
