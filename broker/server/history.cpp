#include "broker/server/history.h"

#include <cmath>
#include <numeric>

namespace server {
namespace {

using broker::Metrics;

template <typename Number>
double per_second(Number before, Number now, double seconds) {
  return now > before ? static_cast<double>(now - before) / seconds : 0;
}

template <auto Member>
double rate(const Sight& before, const Sight& now, double seconds) {
  return per_second(before.shards.*Member, now.shards.*Member, seconds);
}

/// Of all items of an array.
template <auto Member>
double rate_of_all(const Sight& before, const Sight& now, double seconds) {
  const auto sum = [](const Metrics& metrics) {
    const auto& all = metrics.*Member;
    return std::accumulate(all.begin(), all.end(), std::uint64_t{0});
  };
  return per_second(sum(before.shards), sum(now.shards), seconds);
}

template <auto Member>
double level(const Sight& /*before*/, const Sight& now, double /*seconds*/) {
  return static_cast<double>(now.shards.*Member);
}

template <auto Member>
double level_of_process(const Sight& /*before*/, const Sight& now, double /*seconds*/) {
  return static_cast<double>(now.process.*Member);
}

constexpr double shown_share = 0.99;  // of durations are below the value that is shown

template <auto Member>
double latency(const Sight& before, const Sight& now, double /*seconds*/) {
  return quantile(before.counts.*Member, now.counts.*Member, shown_share);
}

double commit_latency(const Sight& before, const Sight& now, double /*seconds*/) {
  if (!before.store || !now.store) return 0;
  return quantile(before.store->commit, now.store->commit, shown_share);
}

constexpr std::array<HistorySeries, history_series_count> series = {{
    {"publish_received", "1/s", rate_of_all<&Metrics::publish_received>,
     "PUBLISH packets from clients."},
    {"publish_sent", "1/s", rate_of_all<&Metrics::publish_sent>, "PUBLISH packets to clients."},
    {"publish_dropped", "1/s", rate<&Metrics::publish_dropped>,
     "Messages that did not reach a client with a subscription to them."},
    {"received", "bytes/s", rate<&Metrics::bytes_received>, "Bytes of MQTT packets from clients."},
    {"sent", "bytes/s", rate<&Metrics::bytes_sent>, "Bytes of MQTT packets to clients."},
    {"connections", "1/s", rate<&Metrics::connections>,
     "CONNECT packets that were answered with success."},
    {"refused", "1/s", rate_of_all<&Metrics::refused>,
     "Clients that a limit kept out, delayed or disconnected."},
    {"logins_failed", "1/s", rate<&Metrics::logins_failed>, "Logins that failed."},
    {"clients_connected", "", level<&Metrics::clients_connected>, "Clients that are connected."},
    {"sessions", "", level<&Metrics::sessions>, "Sessions, with and without a connected client."},
    {"stored", "bytes", level<&Metrics::stored_bytes>,
     "Messages that are retained, wait for a client or are in flight to one."},
    {"unsent", "bytes", level<&Metrics::unsent_bytes>, "Output that sockets have not taken."},
    {"resident", "bytes", level_of_process<&ProcessFigures::resident_bytes>,
     "Resident memory of the process."},
    {"loop_turn", "microseconds", latency<&transport::LoopCounts::turn>,
     "99 % of the turns of loops took less."},
    {"route", "microseconds", latency<&transport::LoopCounts::route>,
     "99 % of the times from input to output were shorter."},
    {"store_commit", "microseconds", commit_latency, "99 % of the commits of the store took less."},
}};

/// Three digits behind the point are enough, and keep the answer short.
double rounded(float value) {
  constexpr double thousand = 1000;
  return std::round(static_cast<double>(value) * thousand) / thousand;
}

}  // namespace

const std::array<HistorySeries, history_series_count>& history_series() noexcept { return series; }

double quantile(const broker::Histogram& before, const broker::Histogram& now,
                double share) noexcept {
  const auto wanted = static_cast<std::uint64_t>(
      std::ceil(share * static_cast<double>(now.count() - before.count())));
  if (wanted == 0) return 0;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 1 < broker::Histogram::bucket_count; ++i) {
    sum += now.counts[i] - before.counts[i];
    if (sum >= wanted) return static_cast<double>(broker::Histogram::end_of(i));
  }
  return static_cast<double>(broker::Histogram::end_of(broker::Histogram::bucket_count - 1));
}

void History::add(const Sight& sight, broker::Instant now, std::int64_t unix_seconds) {
  if (before_ && now.milliseconds > before_->at.milliseconds) {
    const double seconds =
        static_cast<double>(now.milliseconds - before_->at.milliseconds) / 1000.0;
    Sample sample;
    sample.unix_seconds = unix_seconds;
    for (std::size_t i = 0; i < series.size(); ++i) {
      sample.values[i] = static_cast<float>(series[i].value(before_->sight, sight, seconds));
    }
    samples_.push_back(sample);
    if (samples_.size() > samples_max) samples_.pop_front();
  }
  before_ = Before{sight, now};
}

nlohmann::ordered_json History::json() const {
  using Json = nlohmann::ordered_json;
  Json times = Json::array();
  for (const Sample& sample : samples_) times.push_back(sample.unix_seconds);
  Json all = Json::array();
  for (std::size_t i = 0; i < series.size(); ++i) {
    Json values = Json::array();
    for (const Sample& sample : samples_) values.push_back(rounded(sample.values[i]));
    all.push_back({{"name", series[i].name},
                   {"unit", series[i].unit},
                   {"help", series[i].help},
                   {"values", std::move(values)}});
  }
  return {{"interval_seconds", interval_seconds}, {"times", std::move(times)}, {"series", all}};
}

}  // namespace server
