// The connections of a bridge: their beginnings, ends and times.

#include <algorithm>
#include <cassert>
#include <utility>

#include "broker/bridge/bridge.h"
#include "broker/bridge/client_options.h"
#include "broker/core/text.h"

namespace bridge {

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
  say(LogType::notice, {"Connecting bridge ", options_.name, " (", place_text(), ")"});
  remote_open_ = true;
  orders_.emplace_back(OpenRemote{address_});
}

void Bridge::remote_connected(const client::Connected& connected, Instant now) {
  ++connects_;
  say(LogType::notice, {"Bridge ", options_.name, " is connected to ", place_text(),
                        connected.connack->session_present ? ", which has its session." : "."});
  if (must_clear(connected)) {
    constexpr std::string_view why =
        " has a session of a time that this broker does not remember, and releases its packet "
        "identifiers first.";
    say(LogType::notice, {"Bridge ", options_.name, ": ", place_text(), why});
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
  if (options_.notifications == Notifications::both) notify(remote_, now);
  subscribe_there(now);
  if (!options_.round_robin && address_ != 0) {
    try_first_at_ = broker::after_milliseconds(now, options_.first_address_milliseconds);
  }
  assert(!local_open_);
  local_ = client::Client(local_options(options_, window_of_shard(options_, remote_.terms())));
  local_open_ = true;
  orders_.emplace_back(OpenLocal{});
}

void Bridge::remote_ended(const Disconnected& end, Instant now) {
  if (phase_ == Phase::stopped) return;
  if (end.cause != Disconnected::Cause::closed) {  // that was said where it was noticed
    say(LogType::warning,
        {"Bridge ", options_.name, " (", place_text(), "): ", broker::cut(end_text(end)), "."});
  }
  const bool cleared = phase_ == Phase::clearing && !held_ids_.are_in_doubt();
  phase_ = Phase::apart;
  remote_open_ = false;
  orders_.emplace_back(CloseRemote{});
  detach(now);
  try_first_at_.reset();
  if (cleared) remote_ = client::Client(remote_options(options_));  // at once, not after a delay
  if (cleared || adapt(end)) return remote_.start(now);
  next_address();
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
  say(LogType::notice, {"Bridge ", options_.name, " connects ",
                        other_version ? "with MQTT 3.1.1." : "without retained messages."});
  remote_ = client::Client(remote_options(options_));
  return true;
}

/// With round_robin a lost connection is asked for again where the next one is; without, the first
/// address has its turn again after all others.
void Bridge::next_address() noexcept { address_ = (address_ + 1) % options_.addresses.size(); }

void Bridge::local_connected(const client::Connected& connected, Instant now) {
  // One that ends with its connection is new each time.
  if (phase_ == Phase::preparing || options_.local_clean) {
    held_ids_.session_made(!connected.connack->session_present);
  }
  if (phase_ == Phase::preparing) return subscribe_here(mqtt::RetainHandling::do_not_send, now);
  phase_ = Phase::crossing;
  if (options_.notifications != Notifications::none) notify(local_, now);
  subscribe_here(mqtt::RetainHandling::send, now);
}

void Bridge::local_ended(const Disconnected& end, Instant now) {
  const bool asked = !local_open_;
  local_open_ = false;
  if (asked || phase_ == Phase::stopped) return;
  const bool sent_away = end.cause == Disconnected::Cause::sent_away && end.reason_string.empty();
  say(LogType::error, {"Bridge ", options_.name, " has lost its session here: ",
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
  say(LogType::notice, {"Bridge ", options_.name, " (", place_text(), ") closes: ", why, "."});
  remote_.closed(now);
}

/// Without DISCONNECT: the will says "0".
void Bridge::detach(Instant now) {
  relay_.clear();
  held_.reset();
  stalled_ = false;
  answers_due_ = 0;
  if (!std::exchange(local_open_, false)) return;
  local_.closed(now);
  orders_.emplace_back(CloseLocal{});
}

void Bridge::look_at_time(Instant now) {
  if (try_first_at_ && now >= *try_first_at_) {
    orders_.emplace_back(TryFirst{});
    try_first_at_ = broker::after_milliseconds(now, options_.first_address_milliseconds);
  }
  if (options_.start != Start::lazy || phase_ != Phase::crossing) return;
  if (now < broker::after_milliseconds(relay_.last_crossing(), options_.idle_milliseconds)) return;
  give_up("nothing has crossed it for a while", now);
}

void Bridge::subscribe_here(mqtt::RetainHandling retained, Instant now) {
  for (const Filter& each : map_.local_filters()) {
    mqtt::Subscribe packet;
    const bool shared = each.text.starts_with("$share/");  // may not say No Local [MQTT-3.8.3-4]
    packet.entries = {{.filter = each.text,
                       .qos = phase_ == Phase::preparing
                                  ? each.qos
                                  : std::min(each.qos, remote_.terms().maximum_qos),
                       .no_local = !shared,
                       .retain_as_published = true,
                       .retain_handling = retained}};
    const auto accepted = local_.subscribe(packet, {}, now);
    if (accepted == client::Accepted::accepted) ++answers_due_;
  }
  for (const std::string& each : options_.local_leftovers) {
    const auto accepted = local_.unsubscribe({.filters = {each}}, {}, now);
    if (accepted == client::Accepted::accepted) ++answers_due_;
  }
  if (phase_ == Phase::preparing && answers_due_ == 0) prepared(now);
}

/// One filter a packet: some brokers take no more than a few in one.
void Bridge::subscribe_there(Instant now) {
  const bool v5 = options_.version == mqtt::Version::v5_0;
  for (const Filter& each : map_.remote_filters()) {
    mqtt::Subscribe packet;
    const bool shared = each.text.starts_with("$share/");
    packet.entries = {{.filter = each.text,
                       .qos = std::min(each.qos, remote_.terms().maximum_qos),
                       .no_local = v5 && !shared,
                       .retain_as_published = v5}};
    static_cast<void>(remote_.subscribe(packet, {}, now));
  }
  for (const std::string& each : options_.remote_leftovers) {
    static_cast<void>(remote_.unsubscribe({.filters = {each}}, {}, now));
  }
  if (!options_.unsubscribes_leftovers) return;
  for (const std::string& each : map_.remote_leftovers()) {
    static_cast<void>(remote_.unsubscribe({.filters = {each}}, {}, now));
  }
}

void Bridge::notify(client::Client& client, Instant now) const {
  const client::Terms& terms = client.terms();
  const bool there = &client == &remote_;
  const bool has_slot = !there || terms.receive_maximum > 1;
  const client::Publication publication = {
      .topic = options_.notification_topic,
      .payload = mqtt::as_bytes("1"),
      .qos = has_slot ? std::min(Qos::at_least_once, terms.maximum_qos) : Qos::at_most_once,
      .retain = terms.retain_available && (!there || options_.retains)};
  static_cast<void>(client.publish(publication, {}, now));
}

}  // namespace bridge
