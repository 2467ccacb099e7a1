// The connections of a bridge: their beginnings, ends and times.

#include <algorithm>
#include <cassert>
#include <utility>

#include "broker/bridge/bridge.h"
#include "broker/bridge/client_options.h"
#include "broker/core/text.h"

namespace bridge {

using broker::Event;
using broker::LogType;
using client::Disconnected;
using mqtt::Qos;
using mqtt::Reason;

namespace {

std::string_view refusal_text(Reason reason) noexcept {
  switch (reason) {
    case Reason::unsupported_protocol_version:
      return "it does not speak this version of MQTT";
    case Reason::client_identifier_not_valid:
      return "it does not take the client id";
    case Reason::server_unavailable:
      return "it is not available";
    case Reason::bad_user_name_or_password:
      return "bad user name or password";
    case Reason::not_authorized:
      return "not authorised";
    default:
      return "it refuses the connection";
  }
}

std::string_view end_text(const Disconnected& end) noexcept {
  using Cause = Disconnected::Cause;
  switch (end.cause) {
    case Cause::asked:
      return "the connection was ended here";
    case Cause::closed:
      return "the connection is lost";
    case Cause::refused:
      return end.reason_string.empty() ? refusal_text(end.reason) : end.reason_string;
    case Cause::sent_away:
      return end.reason_string.empty() ? "the other broker has ended the connection"
                                       : end.reason_string;
    case Cause::fault:
      return end.what;
    case Cause::connack_timeout:
      return "no CONNACK has come";
    case Cause::keep_alive_timeout:
      return "no PINGRESP has come";
  }
  return "";
}

/// The messages that the other broker takes at a time, without the one that says "1".
std::uint16_t window_of_shard(const Options& options, const client::Terms& terms) noexcept {
  const std::uint16_t most = terms.receive_maximum;
  const bool notifies = options.notifications == Notifications::both;
  return notifies && most > 1 ? static_cast<std::uint16_t>(most - 1) : most;
}

}  // namespace

void Bridge::open_remote() {
  say(LogType::notice, Event::bridge_connecting,
      {"Connecting bridge ", options_.name, " (", addresses_.text(), ")"});
  remote_open_ = true;
  orders_.emplace_back(OpenRemote{addresses_.index()});
}

void Bridge::remote_connected(const client::Connected& connected, Instant now) {
  ++connects_;
  say(LogType::notice, Event::bridge_connected,
      {"Bridge ", options_.name, " is connected to ", addresses_.text(),
       connected.connack->session_present ? ", which has its session." : "."});
  if (must_clear(connected)) {
    constexpr std::string_view why =
        " has a session of a time that this broker does not remember, and releases its packet "
        "identifiers first.";
    say(LogType::notice, Event::bridge_connected,
        {"Bridge ", options_.name, ": ", addresses_.text(), why});
    phase_ = Phase::clearing;
    passed_over_ = false;
    return held_ids_.begin(remote_, now);
  }
  held_ids_.forget();
  attach(now);
}

bool Bridge::must_clear(const client::Connected& connected) const noexcept {
  const bool sends_qos_2 = remote_.terms().maximum_qos == Qos::exactly_once &&
                           std::ranges::find(map_.local_filters(), Qos::exactly_once,
                                             &Filter::qos) != map_.local_filters().end();
  return held_ids_.are_in_doubt() && connected.connack->session_present && sends_qos_2;
}

void Bridge::on_remote_while_clearing(const client::Event& event, Instant now) {
  if (!std::holds_alternative<client::Acknowledged>(event)) {
    passed_over_ = true;
  } else if (held_ids_.answered(remote_, now)) {
    if (!passed_over_) return attach(now);
    remote_.closed(now);
  }
}

void Bridge::attach(Instant now) {
  phase_ = Phase::attaching;
  relay_.begin(now);
  if (options_.notifications == Notifications::both) introduction_.notify_there(now);
  introduction_.subscribe_there(now);
  addresses_.connected(now);
  assert(!local_open_);
  local_ = client::Client(local_options(options_, window_of_shard(options_, remote_.terms())));
  local_open_ = true;
  orders_.emplace_back(OpenLocal{});
}

void Bridge::remote_ended(const Disconnected& end, Instant now) {
  if (phase_ == Phase::stopped) return;
  if (end.cause != Disconnected::Cause::closed) {  // that was said where it was noticed
    say(LogType::warning, Event::bridge_lost,
        {"Bridge ", options_.name, " (", addresses_.text(), "): ", broker::cut(end_text(end)),
         "."});
  }
  const bool cleared = phase_ == Phase::clearing && !held_ids_.are_in_doubt();
  phase_ = Phase::apart;
  remote_open_ = false;
  orders_.emplace_back(CloseRemote{});
  detach(now);
  addresses_.ended();
  if (cleared) remote_ = client::Client(remote_options(options_));  // at once, not after a delay
  if (cleared || adapt(end)) return remote_.start(now);
  addresses_.advance();
}

/// A broker that lacks a feature is asked again without it, at once, and until the next
/// start.
bool Bridge::adapt(const Disconnected& end) {
  if (end.cause != Disconnected::Cause::refused) return false;
  const bool other_version =
      end.reason == Reason::unsupported_protocol_version && options_.version == mqtt::Version::v5_0;
  const bool no_retain = end.reason == Reason::retain_not_supported && options_.retains;
  if (!other_version && !no_retain) return false;
  if (other_version) options_.version = mqtt::Version::v3_1_1;
  if (no_retain) options_.retains = false;
  say(LogType::notice, Event::bridge_connecting,
      {"Bridge ", options_.name, " connects ",
       other_version ? "with MQTT 3.1.1." : "without retained messages."});
  remote_ = client::Client(remote_options(options_));
  return true;
}

void Bridge::local_connected(const client::Connected& connected, Instant now) {
  // One that ends with its connection is new each time.
  if (phase_ == Phase::preparing || options_.local_clean) {
    held_ids_.session_made(!connected.connack->session_present);
  }
  if (phase_ == Phase::preparing) {
    if (!introduction_.prepare_here(now)) prepared(now);
    return;
  }
  phase_ = Phase::crossing;
  if (options_.notifications != Notifications::none) introduction_.notify_here(now);
  introduction_.subscribe_here(now);
}

void Bridge::local_ended(const Disconnected& end, Instant now) {
  const bool asked = !local_open_;
  local_open_ = false;
  if (asked || phase_ == Phase::stopped) return;
  const bool sent_away = end.cause == Disconnected::Cause::sent_away && end.reason_string.empty();
  say(LogType::error, Event::bridge_lost,
      {"Bridge ", options_.name, " has lost its session here: ",
       sent_away ? "this broker has ended it" : end_text(end), "."});
  if (phase_ == Phase::preparing) return prepared(now);
  give_up("the session here is gone", now);
}

/// All subscriptions are there: messages are queued from now on. The will says "0".
void Bridge::prepared(Instant now) {
  phase_ = Phase::apart;
  detach(now);
  if (options_.start != Start::lazy) remote_.start(now);
}

void Bridge::give_up(std::string_view why, Instant now) {
  say(LogType::notice, Event::bridge_lost,
      {"Bridge ", options_.name, " (", addresses_.text(), ") closes: ", why, "."});
  remote_.closed(now);
}

/// Without DISCONNECT: the will says "0".
void Bridge::detach(Instant now) {
  relay_.clear();
  held_.reset();
  stalled_ = false;
  introduction_.forget_answers();
  if (!std::exchange(local_open_, false)) return;
  local_.closed(now);
  orders_.emplace_back(CloseLocal{});
}

void Bridge::look_at_time(Instant now) {
  if (addresses_.first_is_due(now)) orders_.emplace_back(TryFirst{});
  if (options_.start != Start::lazy || phase_ != Phase::crossing) return;
  if (now < broker::after_milliseconds(relay_.last_crossing(), options_.idle_milliseconds)) return;
  give_up("nothing has crossed it for a while", now);
}

}  // namespace bridge
