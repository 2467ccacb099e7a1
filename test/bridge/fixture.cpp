#include "test/bridge/fixture.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>
#include <variant>

namespace test {

Span::Span(Broker& here, Broker& there, bridge::Options options)
    : bridge(std::move(options), log), here_(&here), there_(&there) {}

void Span::start() {
  bridge.start(here_->now);
  run();
}

void Span::run() {
  for (bool more = true; more;) {
    more = carry_out_orders();
    more = carry_here() || more;
    more = carry_to_there() || more;
    more = carry_from_there() || more;
  }
}

bool Span::carry_out_orders() {
  bool any = false;
  while (const auto order = bridge.next(here_->now)) {
    carry_out(*order);
    any = true;
  }
  return any;
}

void Span::carry_out(const bridge::Order& order) {
  if (std::holds_alternative<bridge::OpenRemote>(order)) {
    CHECK_FALSE(remote_);
    if (!reachable) return bridge.remote_closed("Connection refused", here_->now);
    remote_ = there_->open();
    broken_ = false;
    bridge.remote_opened(here_->now);
  } else if (std::holds_alternative<bridge::CloseRemote>(order)) {
    if (!remote_) return;
    carry_to_there();
    if (remote_) there_->lose(*std::exchange(remote_, std::nullopt));
  } else if (std::holds_alternative<bridge::OpenLocal>(order)) {
    CHECK_FALSE(local_);
    local_ = here_->open();
    bridge.local_opened(here_->now);
  } else if (std::holds_alternative<bridge::CloseLocal>(order)) {
    if (local_) here_->lose(*std::exchange(local_, std::nullopt));
    bridge.local_output().clear();
  } else if (std::holds_alternative<bridge::TryFirst>(order)) {
    if (reachable) bridge.first_reachable(here_->now);
  }
}

bool Span::carry_here() {
  if (!local_) return false;
  bool any = false;
  if (!bridge.local_output().empty()) {
    const std::string bytes(mqtt::as_text(bridge.local_output().view()));
    bridge.local_output().clear();
    here_->send(*local_, bytes);
    any = true;
  }
  const std::string answer = here_->take_bytes(*local_);
  if (!answer.empty()) {
    bridge.local_received(mqtt::as_bytes(answer), here_->now);
    any = true;
  }
  if (local_ && here_->closed(*local_)) {
    local_.reset();
    bridge.local_closed(here_->now);
    any = true;
  }
  return any;
}

std::string Span::arriving(std::string_view bytes) {
  const std::size_t count = std::min(bytes.size(), bytes_left);
  if (bytes_left != SIZE_MAX) bytes_left -= count;
  broken_ = bytes_left == 0;
  return std::string(bytes.substr(0, count));
}

bool Span::carry_to_there() {
  if (!remote_ || bridge.remote_output().empty()) return false;
  sent += mqtt::as_text(bridge.remote_output().view());
  if (mute) {
    bridge.remote_output().clear();
    return true;
  }
  const std::string bytes = arriving(mqtt::as_text(bridge.remote_output().view()));
  bridge.remote_output().clear();
  there_->send(*remote_, bytes);
  if (broken_) lose_remote();
  return true;
}

bool Span::carry_from_there() {
  if (!remote_ || mute) return false;
  bool any = false;
  if (bridge.wants_remote_input()) {
    const std::string said = there_->take_bytes(*remote_);
    if (!said.empty()) {
      // A copy of just this size, that is gone when the bridge has had it.
      const std::string arrived = arriving(said);
      const std::vector<char> copy(arrived.begin(), arrived.end());
      bridge.remote_received(mqtt::as_bytes({copy.data(), copy.size()}), here_->now);
      any = true;
      carry_out_orders();
      if (broken_) lose_remote();
    }
  }
  if (remote_ && there_->closed(*remote_)) {
    remote_.reset();
    bridge.remote_closed("end of file", here_->now);
    any = true;
  }
  return any;
}

void Span::lose_remote() {
  if (!remote_) return;
  const Broker::Client lost = *std::exchange(remote_, std::nullopt);
  there_->lose(lost);
  there_->take_bytes(lost);
  bridge.remote_closed("Connection reset by peer", here_->now);
}

void Span::cut() {
  lose_remote();
  run();
}

void Span::here_ends() {
  if (remote_) there_->lose(*std::exchange(remote_, std::nullopt));
}

void Span::there_restarts(Broker& there) {
  there_ = &there;
  there.now = std::max(there.now, here_->now);
  if (!remote_) return;
  remote_.reset();
  bridge.remote_closed("Connection reset by peer", here_->now);
  run();
}

void Span::pass_milliseconds(std::int64_t milliseconds) {
  constexpr std::int64_t step = 100;
  for (std::int64_t passed = 0; passed < milliseconds; passed += step) {
    here_->pass_milliseconds(step);
    if (there_ != here_) there_->pass_milliseconds(step);
    run();
  }
}

Span::Strings Span::lines() { return std::exchange(log.lines, {}); }

broker::ListenerPolicy bridge_policy() {
  broker::ListenerPolicy policy = Broker::open_policy();
  policy.is_for_bridges = true;
  return policy;
}

bridge::Options span_options(std::vector<bridge::Mapping> mappings, mqtt::Version version) {
  bridge::Options options;
  options.name = "edge";
  options.addresses = {{"there.example", 1883}};
  options.mappings = std::move(mappings);
  options.version = version;
  options.remote_client_id = "host.edge";
  options.local_client_id = "local.host.edge";
  options.remote_session_expiry_interval_seconds = 0xFFFF'FFFF;
  options.notification_topic = "$SYS/broker/connection/host.edge/state";
  options.restart.first_milliseconds = 1000;
  return options;
}

}  // namespace test
