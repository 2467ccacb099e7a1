#include "broker/sys_topics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "broker/core/text.h"

namespace broker {
namespace {

/// The time spans of load averages: the end of the topic, and seconds.
constexpr std::array<std::pair<std::string_view, double>, 3> spans = {
    {{"/1min", 60.0}, {"/5min", 300.0}, {"/15min", 900.0}}};

}  // namespace

SysTopics::SysTopics(std::string version)
    : version_(std::move(version)),
      loads_{{{"messages/received", &Metrics::messages_received},
              {"messages/sent", &Metrics::messages_sent},
              {"publish/dropped", &Metrics::publish_dropped},
              {"publish/received", &Metrics::publish_received},
              {"publish/sent", &Metrics::publish_sent},
              {"bytes/received", &Metrics::bytes_received},
              {"bytes/sent", &Metrics::bytes_sent},
              {"sockets", &Metrics::sockets_opened},
              {"connections", &Metrics::connections}}} {}

void SysTopics::say(const Publish& publish, std::string_view topic, std::string payload) {
  std::string& last = last_.try_emplace(std::string(topic)).first->second;
  if (last == payload) return;
  last = std::move(payload);
  publish(concat({"$SYS/broker/", topic}), last);
}

void SysTopics::say_count(const Publish& publish, std::string_view topic, std::uint64_t count) {
  say(publish, topic, std::to_string(count));
}

void SysTopics::update(const Metrics& total, Instant now, const Publish& publish) {
  if (!running_) {
    started_ = updated_ = now;
    running_ = true;
    say(publish, "version", "darter version " + version_);
    say_no_loads(publish);
  }
  const std::int64_t uptime_seconds = (now.milliseconds - started_.milliseconds) / 1000;
  say(publish, "uptime", std::to_string(uptime_seconds) + " seconds");
  say_clients(total, publish);
  say_traffic(total, publish);
  say_refusals(total, publish);
  say_loads(total, now, publish);
}

void SysTopics::say_clients(const Metrics& total, const Publish& publish) {
  const std::uint64_t away =
      total.sessions > total.clients_connected ? total.sessions - total.clients_connected : 0;
  say_count(publish, "clients/total", total.sessions);
  say_count(publish, "clients/maximum", total.clients_maximum);
  say_count(publish, "clients/disconnected", away);
  say_count(publish, "clients/inactive", away);
  say_count(publish, "clients/connected", total.clients_connected);
  say_count(publish, "clients/active", total.clients_connected);
  say_count(publish, "clients/expired", total.clients_expired);
  say_count(publish, "clients/blocked", total.clients_blocked);
  say_count(publish, "subscriptions/count", total.subscriptions);
  say_count(publish, "shared_subscriptions/count", total.shared_subscriptions);
  say_count(publish, "retained messages/count", total.retained_messages);
}

void SysTopics::say_traffic(const Metrics& total, const Publish& publish) {
  say_count(publish, "messages/stored", total.stored_messages);
  say_count(publish, "store/messages/count", total.stored_messages);
  say_count(publish, "store/messages/bytes", total.stored_bytes);
  say_count(publish, "messages/received", total.messages_received);
  say_count(publish, "messages/sent", total.messages_sent);
  say_count(publish, "publish/messages/dropped", total.publish_dropped);
  for (std::size_t i = 0; i < drop_reasons; ++i) {
    say_count(publish, concat({"publish/messages/dropped/", drop_reason_names[i]}),
              total.dropped[i]);
  }
  say_count(publish, "publish/messages/received", total.publish_received);
  say_count(publish, "publish/messages/sent", total.publish_sent);
  say_count(publish, "publish/bytes/received", total.publish_bytes_received);
  say_count(publish, "publish/bytes/sent", total.publish_bytes_sent);
  say_count(publish, "bytes/received", total.bytes_received);
  say_count(publish, "bytes/sent", total.bytes_sent);
  say_count(publish, "connections/socket/count", total.sockets_opened);
  // Mosquitto counts packets that wait; here they wait as one run of bytes for each socket.
  say_count(publish, "packet/out/count", total.sockets_behind);
  say_count(publish, "packet/out/bytes", total.unsent_bytes);
}

void SysTopics::say_refusals(const Metrics& total, const Publish& publish) {
  for (std::size_t i = 0; i < refusal_kinds; ++i) {
    say_count(publish, concat({"limits/", refusal_names[i]}), total.refused[i]);
  }
  for (std::size_t i = 0; i < denial_kinds; ++i) {
    say_count(publish, concat({"denied/", denial_names[i]}), total.denied[i]);
  }
  say_count(publish, "logins/failed", total.logins_failed);
}

void SysTopics::say_no_loads(const Publish& publish) {
  for (const Load& load : loads_) {
    for (const auto& [span, seconds] : spans) {
      say(publish, concat({"load/", load.topic, span}), "0.00");
    }
  }
}

void SysTopics::say_loads(const Metrics& total, Instant now, const Publish& publish) {
  const double seconds = static_cast<double>(now.milliseconds - updated_.milliseconds) / 1000.0;
  if (seconds <= 0) return;
  for (Load& load : loads_) {
    const auto delta = static_cast<double>(total.*load.counter - previous_.*load.counter);
    const double rate = delta * 60.0 / seconds;
    for (std::size_t i = 0; i < spans.size(); ++i) {
      double& average = load.per_minute[i];
      average = rate + std::exp(-seconds / spans[i].second) * (average - rate);
      char text[32];
      std::snprintf(text, sizeof text, "%.2f", average);
      say(publish, concat({"load/", load.topic, spans[i].first}), text);
    }
  }
  previous_ = total;
  updated_ = now;
}

void add(Metrics& sum, const Metrics& shard) {
  static constexpr std::uint64_t Metrics::* summed[] = {
      &Metrics::bytes_received,     &Metrics::bytes_sent,
      &Metrics::messages_received,  &Metrics::messages_sent,
      &Metrics::publish_received,   &Metrics::publish_sent,
      &Metrics::publish_dropped,    &Metrics::publish_bytes_received,
      &Metrics::publish_bytes_sent, &Metrics::connections,
      &Metrics::sockets_opened,     &Metrics::clients_expired,
      &Metrics::clients_connected,  &Metrics::sessions,
      &Metrics::clients_maximum,    &Metrics::clients_blocked,
      &Metrics::subscriptions,      &Metrics::shared_subscriptions,
      &Metrics::stored_messages,    &Metrics::stored_bytes,
      &Metrics::sockets_behind,     &Metrics::unsent_bytes,
      &Metrics::logins_failed};
  for (const auto member : summed) sum.*member += shard.*member;
  for (std::size_t i = 0; i < drop_reasons; ++i) sum.dropped[i] += shard.dropped[i];
  for (std::size_t i = 0; i < refusal_kinds; ++i) sum.refused[i] += shard.refused[i];
  for (std::size_t i = 0; i < denial_kinds; ++i) sum.denied[i] += shard.denied[i];
  // Retained messages are replicas: every shard has them all.
  sum.retained_messages = std::max(sum.retained_messages, shard.retained_messages);
}

}  // namespace broker
