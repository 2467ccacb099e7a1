#include "broker/sys_topics.h"

#include <cmath>
#include <cstdio>
#include <utility>

#include "broker/core/shard_figures.h"
#include "broker/core/text.h"

namespace broker {
namespace {

/// The time spans of load averages, as load_spans.
constexpr std::array<double, load_spans.size()> span_seconds = {60.0, 300.0, 900.0};

constexpr Figure<BrokerFigures> broker_rows[] = {
    {.name = "build",
     .format = [](const BrokerFigures& figures) { return "darter version " + figures.version; },
     .kind = FigureKind::text,
     .topic = "version",
     .help = "The version of the broker."},
    {.name = "uptime",
     .value = sum_of<&BrokerFigures::uptime_seconds>,
     .format =
         [](const BrokerFigures& figures) {
           return std::to_string(figures.uptime_seconds) + " seconds";
         },
     .kind = FigureKind::gauge,
     .unit = FigureUnit::seconds,
     .topic = "uptime",
     .help = "Time since the start."},
};
static_assert(is_complete<BrokerFigures>(broker_rows));

}  // namespace

FigureTable<BrokerFigures> broker_figures() noexcept { return {FigureOwner::broker, broker_rows}; }

SysTopics::SysTopics(std::string version) {
  broker_.version = std::move(version);
  for (const Figure<Metrics>& row : shard_figures().rows) {
    if (!row.load.empty()) loads_.push_back({&row});
  }
}

void SysTopics::say(const Publish& publish, std::string_view topic, std::string payload) {
  std::string& last = last_.try_emplace(std::string(topic)).first->second;
  if (last == payload) return;
  last = std::move(payload);
  publish(concat({"$SYS/broker/", topic}), last);
}

void SysTopics::update(const Metrics& total, Instant now, const Publish& publish) {
  if (!running_) {
    started_ = updated_ = now;
    running_ = true;
  }
  const auto tell = [&](std::string_view topic, std::string payload) {
    say(publish, topic, std::move(payload));
  };
  broker_.uptime_seconds = (now.milliseconds - started_.milliseconds) / 1000;
  for_each_topic(broker_figures(), broker_, {}, tell);
  for_each_topic(shard_figures(), total, {}, tell);
  say_loads(total, now, publish);
}

void SysTopics::say_loads(const Metrics& total, Instant now, const Publish& publish) {
  const double seconds = static_cast<double>(now.milliseconds - updated_.milliseconds) / 1000.0;
  for (Load& load : loads_) {
    const auto delta =
        static_cast<double>(load.row->value->read(total, 0) - load.row->value->read(previous_, 0));
    for (std::size_t i = 0; i < load_spans.size(); ++i) {
      double& average = load.per_minute[i];
      // Before anything can be averaged they are 0: all topics are there from the start.
      if (seconds > 0) {
        const double rate = delta * 60.0 / seconds;
        average = rate + std::exp(-seconds / span_seconds[i]) * (average - rate);
      }
      char text[32];
      std::snprintf(text, sizeof text, "%.2f", average);
      say(publish, concat({"load/", load.row->load, "/", load_spans[i]}), text);
    }
  }
  if (seconds <= 0) return;
  previous_ = total;
  updated_ = now;
}

}  // namespace broker
