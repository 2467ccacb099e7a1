#include "broker/bridge/bridge.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

#include "broker/bridge/client_options.h"
#include "broker/core/text.h"
#include "broker/wire/topic.h"

namespace bridge {

using broker::Event;
using broker::LogType;
using client::Disconnected;
using mqtt::Qos;
using mqtt::Reason;

Bridge::Bridge(Options options, broker::Log& log)
    : options_(std::move(options)),
      log_(log),
      map_(options_.mappings),
      remote_(remote_options(options_)),
      local_(local_options(options_, 65'535)),
      relay_(options_, map_, remote_, local_, log),
      introduction_(options_, map_, remote_, local_),
      addresses_(options_) {}

void Bridge::start(Instant now) {
  if (phase_ != Phase::stopped) return;
  phase_ = Phase::preparing;
  local_ = client::Client(local_options(options_, 1));  // messages that wait are not for now
  local_open_ = true;
  orders_.emplace_back(OpenLocal{});
  run(now);
}

void Bridge::stop(Instant now) {
  if (phase_ == Phase::stopped) return;
  const bool says_zero = options_.notifications == Notifications::both;
  const bool v5 = options_.version == mqtt::Version::v5_0;
  remote_.disconnect(
      {.reason = says_zero && v5 ? Reason::disconnect_with_will_message : Reason::success}, now);
  // Before 5.0 a connection that ends without DISCONNECT makes the will say "0".
  if (says_zero && !v5) remote_.output().clear();
  remote_open_ = false;
  phase_ = Phase::stopped;
  orders_.erase(orders_.begin() + static_cast<std::ptrdiff_t>(next_order_), orders_.end());
  orders_.emplace_back(CloseRemote{});
  detach(now);
  addresses_.ended();
  run(now);
}

void Bridge::messages_wait(Instant now) {
  if (options_.start != Start::lazy || phase_ != Phase::apart) return;
  remote_.start(now);
  run(now);
}

void Bridge::first_reachable(Instant now) {
  if (phase_ < Phase::attaching || addresses_.index() == 0) return;
  give_up("the first address can be reached again", now);
  addresses_.make_first_next();
  run(now);
}

// The connection to the other broker.

void Bridge::remote_opened(Instant now) {
  remote_.opened(now);
  run(now);
}

void Bridge::remote_closed(std::string_view why, Instant now) {
  if (!std::exchange(remote_open_, false)) return;
  say(LogType::warning, Event::bridge_lost,
      {phase_ == Phase::apart ? "Unable to connect bridge " : "Lost the connection of bridge ",
       options_.name, " (", addresses_.text(), "): ", broker::cut(why), "."});
  remote_.closed(now);
  run(now);
}

void Bridge::remote_received(mqtt::Bytes bytes, Instant now) {
  if (stalled_ || !held_.empty()) {
    held_.append(bytes);
    return;
  }
  remote_.feed(bytes, now);
  run(now);
  if (stalled_) remote_.keep_input();
}

// The connection to the shard.

void Bridge::local_opened(Instant now) {
  if (!local_open_) return;
  local_.opened(now);
  run(now);
}

void Bridge::local_closed(Instant now) {
  local_.closed(now);
  run(now);
}

void Bridge::local_received(mqtt::Bytes bytes, Instant now) {
  local_.feed(bytes, now);
  run(now);
}

std::optional<Order> Bridge::next(Instant now) {
  run(now);
  if (next_order_ == orders_.size()) {
    orders_.clear();
    next_order_ = 0;
    return std::nullopt;
  }
  return orders_[next_order_++];
}

std::optional<Instant> Bridge::next_wake() const noexcept {
  std::optional<Instant> wake;
  const auto take = [&wake](const std::optional<Instant>& other) {
    if (other && (!wake || *other < *wake)) wake = other;
  };
  if (!stalled_) take(remote_.next_wake());
  take(addresses_.first_due_at());
  if (options_.start == Start::lazy && phase_ == Phase::crossing) {
    take(broker::after_milliseconds(relay_.last_crossing(), options_.idle_milliseconds));
  }
  return wake;
}

/// Until neither client has anything to tell.
void Bridge::run(Instant now) {
  look_at_time(now);
  for (bool more = true; more;) {
    more = pull_remote(now);
    more = pull_local(now) || more;
  }
}

bool Bridge::has_room_here() const noexcept {
  return !remote_.connected() || phase_ == Phase::clearing ||
         (phase_ == Phase::crossing && local_.has_room(Qos::exactly_once));
}

bool Bridge::pull_remote(Instant now) {
  bool any = false;
  while (has_room_here()) {
    if (const auto event = remote_.next(now)) {
      on_remote(*event, now);
      any = true;
      continue;
    }
    stalled_ = false;
    if (held_.empty()) return any;
    fed_ = std::exchange(held_, {});
    remote_.feed(fed_.view(), now);
  }
  stalled_ = true;
  return any;
}

/// Never waits for room at the other end: two brokers that wait for each other would wait for ever.
bool Bridge::pull_local(Instant now) {
  bool any = false;
  for (auto event = local_.next(now); event; event = local_.next(now)) {
    on_local(*event, now);
    any = true;
  }
  return any;
}

void Bridge::on_remote(const client::Event& event, Instant now) {
  if (std::holds_alternative<client::Open>(event)) {
    open_remote();
  } else if (const auto* connected = std::get_if<client::Connected>(&event)) {
    remote_connected(*connected, now);
  } else if (const auto* end = std::get_if<Disconnected>(&event)) {
    remote_ended(*end, now);
  } else if (phase_ == Phase::clearing) {
    on_remote_while_clearing(event, now);
  } else if (const auto* answered = std::get_if<client::Answered>(&event)) {
    for (const Reason reason : answered->answer->reasons) {
      if (reason < Reason::unspecified_error || phase_ < Phase::attaching) continue;
      const bool subscription = answered->answer->type == mqtt::PacketType::suback;
      if (!subscription) continue;
      say(LogType::warning, Event::bridge_refused,
          {"Bridge ", options_.name, ": ", addresses_.text(), " refuses a subscription."});
    }
  } else {
    relay_.take_remote(event, now);
    look_at_failure(now);
  }
}

void Bridge::on_local(const client::Event& event, Instant now) {
  if (const auto* connected = std::get_if<client::Connected>(&event)) {
    local_connected(*connected, now);
  } else if (const auto* end = std::get_if<Disconnected>(&event)) {
    local_ended(*end, now);
  } else if (const auto* answered = std::get_if<client::Answered>(&event)) {
    for (const Reason reason : answered->answer->reasons) {
      if (reason < Reason::unspecified_error) continue;
      say(LogType::warning, Event::bridge_refused,
          {"Bridge ", options_.name, " may not subscribe here."});
    }
    if (phase_ == Phase::preparing && introduction_.prepared_here()) prepared(now);
  } else {
    relay_.take_local(event, now);
    look_at_failure(now);
  }
}

/// One that could not cross now, but may later, comes again on new connections.
void Bridge::look_at_failure(Instant now) {
  const bool failed = relay_.take_failure();
  if (failed && phase_ >= Phase::attaching) give_up("a message finds no room", now);
}

void Bridge::say(LogType type, Event event, std::initializer_list<std::string_view> pieces) const {
  if (log_.enabled(type)) log_.write_event(type, {.event = event}, broker::concat(pieces));
}

}  // namespace bridge
