#include "tools/darter-client/session.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <csignal>
#include <cstdio>
#include <random>
#include <utility>
#include <variant>

#include "broker/wire/connack.h"
#include "broker/wire/reason_text.h"
#include "tools/darter-client/advice.h"
#include "tools/darter-client/link_options.h"

namespace shell {
namespace {

constexpr std::int64_t flush_milliseconds = 30'000;

/// The runner that a signal interrupts.
std::atomic<transport::ClientRunner*> interrupted_runner = nullptr;
std::atomic<bool> signal_seen = false;

void on_signal(int) {
  signal_seen = true;
  if (auto* const runner = interrupted_runner.load()) runner->interrupt();
}

/// An identifier of 23 letters and digits, which 3.1 allows at most.
std::string random_client_id() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device device;
  std::string id = "darter-";
  while (id.size() < 23) id += digits[device() % digits.size()];
  return id;
}

std::string number_text(std::size_t number) { return std::to_string(number); }

/// "d0, q1, r0, m1, 'a/b', ... (5 bytes)".
std::string publish_text(const mqtt::Publish& message) {
  return "PUBLISH (d" + number_text(message.dup ? 1 : 0) + ", q" +
         number_text(std::to_underlying(message.qos)) + ", r" +
         number_text(message.retain ? 1 : 0) + ", m" +
         number_text(std::to_underlying(message.packet_id)) + ", '" + std::string(message.topic) +
         "', ... (" + number_text(message.payload.size()) + " bytes))";
}

/// Whether to connect again would be of no use, or of harm.
bool is_final(mqtt::Reason reason) {
  using enum mqtt::Reason;
  return reason == session_taken_over || reason == not_authorized ||
         reason == administrative_action || reason == use_another_server || reason == server_moved;
}

}  // namespace

Session::Session(const Settings& settings, transport::LinkOptions link)
    : settings_(settings),
      link_(std::move(link)),
      publish_properties_(message_properties(settings.properties.publish)) {
  open(settings.version.value_or(mqtt::Version::v5_0));
}

Session::~Session() { interrupted_runner = nullptr; }

void Session::open(mqtt::Version version) {
  version_ = version;
  client::Options options = client_options(settings_, version, random_client_id());
  options.reconnect.enabled = true;
  options.seed = std::random_device()();
  transport::LinkOptions link = link_;
  if (version == mqtt::Version::v3_1) link.websocket.subprotocol = "mqttv3.1";
  const bool takes_signals = interrupted_runner.exchange(nullptr) != nullptr;
  runner_ = std::make_unique<transport::ClientRunner>(std::move(options), std::move(link));
  if (takes_signals) interrupted_runner = runner_.get();
}

void Session::take_signals() {
  interrupted_runner = runner_.get();
  struct sigaction action{};
  action.sa_handler = on_signal;
  (void)sigaction(SIGINT, &action, nullptr);
  (void)sigaction(SIGTERM, &action, nullptr);
}

int Session::run(Task& task) {
  if (settings_.timeout_seconds > 0) {
    deadline_ = broker::after_seconds(now(), settings_.timeout_seconds);
  }
  debug("sending CONNECT");
  client().start(now());
  while (!result_) {
    const auto event = runner_->next(earliest_wake(task));
    if (event) dispatch(*event, task);
    if (!result_) look_at_time_and_signals();
    if (!result_ && !finishing_) task.turn(*this);
  }
  runner_->close();
  return *result_;
}

std::optional<broker::Instant> Session::earliest_wake(const Task& task) const {
  const auto wake = finishing_ ? std::nullopt : task.next_wake();
  if (!wake) return deadline_;
  return deadline_ ? std::min(*wake, *deadline_) : *wake;
}

void Session::look_at_time_and_signals() {
  if (signal_seen.exchange(false)) {
    if (!connected_before_) {
      result_ = static_cast<int>(Status::interrupted_early);
      return;
    }
    finish(0, mqtt::Reason::disconnect_with_will_message);
  }
  if (!deadline_ || now() < *deadline_ || finishing_) return;
  complain("Timed out\n");
  // Mosquitto's subscriber has a status of its own for a broker that never answered.
  if (!connected_before_ && settings_.tool == Tool::sub) {
    result_ = static_cast<int>(Status::interrupted_early);
  } else {
    finish(static_cast<int>(Status::timeout), mqtt::Reason::disconnect_with_will_message);
  }
}

void Session::finish(int status, mqtt::Reason reason) {
  if (finishing_) return;
  finishing_ = true;
  status_ = status;
  if (!client().connected()) {
    result_ = status;
    return;
  }
  // Behind much that is unsent, the link would not take a DISCONNECT.
  (void)runner_->flush(broker::after_milliseconds(now(), flush_milliseconds));
  debug("sending DISCONNECT");
  client().disconnect(disconnect_packet(settings_, reason), now());
}

void Session::dispatch(const client::Event& event, Task& task) {
  using namespace client;
  if (const auto* connected = std::get_if<Connected>(&event)) {
    on_connected(*connected, task);
  } else if (const auto* gone = std::get_if<Disconnected>(&event)) {
    on_disconnected(*gone, task);
  } else if (const auto* message = std::get_if<Message>(&event)) {
    on_message(message->publish, task);
  } else if (const auto* done = std::get_if<Acknowledged>(&event)) {
    if (settings_.debug) debug_acknowledgement(*done);
    if (!finishing_) task.acknowledged(*this, *done);
  } else if (const auto* dropped = std::get_if<Dropped>(&event)) {
    if (!finishing_) task.acknowledged(*this, {dropped->token, {}, dropped->reason, {}});
  } else if (const auto* answer = std::get_if<Answered>(&event)) {
    on_answered(*answer->answer, task);
  }
}

void Session::debug_acknowledgement(const client::Acknowledged& event) const {
  const std::string id = number_text(std::to_underlying(event.token));
  std::string_view last = "PUBACK";
  if (settings_.qos == 2 && settings_.tool != Tool::sub) {
    // The message is finished: these two have come and gone before.
    debug("received PUBREC (Mid: " + id + ")");
    debug("sending PUBREL (m" + id + ")");
    last = "PUBCOMP";
  }
  debug("received " + std::string(last) + " (Mid: " + id +
        ", RC:" + number_text(std::to_underlying(event.reason)) + ")");
}

void Session::on_connected(const client::Connected& event, Task& task) {
  if (!connected_before_ && !settings_.version && version_ != mqtt::Version::v5_0) {
    complain("Note: the broker at " + address() +
             " does not know MQTT 5.0; 3.1.1 is used (-V mqttv311 does so at once).\n");
  }
  connected_before_ = true;
  debug("received CONNACK (" + number_text(std::to_underlying(event.connack->reason)) + ")");
  if (!finishing_) task.connected(*this);
}

void Session::on_message(const mqtt::Publish& message, Task& task) {
  if (settings_.debug) {
    debug("received " + publish_text(message));
    const std::string id = "(m" + number_text(std::to_underlying(message.packet_id)) + ", rc0)";
    if (message.qos == mqtt::Qos::at_least_once) debug("sending PUBACK " + id);
    if (message.qos == mqtt::Qos::exactly_once) debug("sending PUBREC " + id);
  }
  if (!finishing_) task.received(*this, message);
}

void Session::on_answered(const mqtt::SubscribeAnswer& answer, Task& task) {
  const bool subscribed = answer.type == mqtt::PacketType::suback;
  debug(subscribed ? "received SUBACK" : "received UNSUBACK");
  if (subscribed && settings_.debug && !settings_.quiet) {
    std::string codes;
    for (const mqtt::Reason reason : answer.reasons) {
      codes += (codes.empty() ? " " : ", ") + number_text(std::to_underlying(reason));
    }
    (void)std::printf("Subscribed (mid: %d):%s\n", std::to_underlying(answer.packet_id),
                      codes.c_str());
  }
  if (!finishing_) task.answered(*this, answer);
}

void Session::on_disconnected(const client::Disconnected& event, const Task& task) {
  if (finishing_) {
    result_ = status_;
  } else if (falls_back(event)) {
    open(mqtt::Version::v3_1_1);
    debug("sending CONNECT");
    client().start(now());
  } else if (event.cause == client::Disconnected::Cause::refused) {
    on_refused(event);
  } else {
    on_lost(event, task);
  }
}

bool Session::falls_back(const client::Disconnected& event) {
  using Cause = client::Disconnected::Cause;
  if (settings_.version || connected_before_ || version_ != mqtt::Version::v5_0) return false;
  if (event.cause == Cause::refused) {
    return event.reason == mqtt::Reason::unsupported_protocol_version;
  }
  // Old brokers close the connection of a client that they do not understand, or answer anything.
  const bool closed =
      event.cause == Cause::closed && runner_->last_end().fault == transport::LinkFault::none;
  return (closed && !runner_->last_end().text.empty()) || event.cause == Cause::fault;
}

void Session::on_refused(const client::Disconnected& event) {
  const auto code = mqtt::connect_return_code(event.reason);
  std::string text = "Connection error: ";
  if (version_ != mqtt::Version::v5_0) {
    text += connack_text(code);
  } else {
    text += text_of(event.reason);
    if (event.reason == mqtt::Reason::unsupported_protocol_version) {
      text += ". Try connecting to an MQTT v5 broker, or use MQTT v3.x mode.";
    }
  }
  complain(text + "\n");
  if (!event.reason_string.empty()) complain(std::string(event.reason_string) + "\n");
  complain("Error: " + std::string(text_of(Status::refused)) + "\n");
  complain(advice_on(event.reason, settings_));
  result_ = version_ == mqtt::Version::v5_0 ? std::to_underlying(event.reason) : code;
}

void Session::on_lost(const client::Disconnected& event, const Task& task) {
  using Cause = client::Disconnected::Cause;
  const bool sent_away = event.cause == Cause::sent_away;
  if (connected_before_ && task.reconnects() && !(sent_away && is_final(event.reason))) return;
  if (sent_away) {
    debug("received DISCONNECT (" + number_text(std::to_underlying(event.reason)) + ")");
    complain("Error: The broker ended the connection: " + std::string(text_of(event.reason)) +
             "\n");
    result_ = std::to_underlying(event.reason);
    return;
  }
  Status status = Status::failed;
  if (event.cause == Cause::fault) {
    status = Status::protocol;
    complain("Error: " + std::string(text_of(status)) + ": " + std::string(event.what) + "\n");
  } else if (event.cause == Cause::keep_alive_timeout) {
    status = Status::keep_alive;
    complain("Error: " + std::string(text_of(status)) + "\n");
  } else if (event.cause == Cause::connack_timeout) {
    complain(advice_on(
        {.fault = transport::LinkFault::timeout, .text = address() + ": no answer to CONNECT"},
        settings_, has_tls(settings_)));
  } else if (connected_before_) {
    status = Status::lost;
    complain("Error: " + std::string(text_of(status)) + "\n");
  } else {
    complain(advice_on(runner_->last_end(), settings_, has_tls(settings_)));
  }
  result_ = static_cast<int>(status);
}

client::Accepted Session::publish(std::string_view topic, std::string_view payload, mqtt::Qos qos,
                                  bool retain) {
  const client::Publication publication{
      .topic = topic,
      .payload = mqtt::as_bytes(payload),
      .properties = mqtt::as_bytes(publish_properties_.forwarded),
      .qos = qos,
      .retain = retain,
      .message_expiry_interval_seconds = publish_properties_.expiry_seconds};
  const auto id = static_cast<std::uint16_t>(last_id_ + 1);
  const auto accepted = client().publish(publication, client::Token{id}, now());
  if (accepted != client::Accepted::accepted) return accepted;
  last_id_ = id;
  if (settings_.debug) {
    mqtt::Publish message;
    message.topic = topic;
    message.payload = publication.payload;
    message.packet_id = mqtt::PacketId{id};
    message.qos = qos;
    message.retain = retain;
    debug("sending " + publish_text(message));
  }
  return accepted;
}

void Session::subscribe(const std::vector<std::string>& filters) {
  assert(!filters.empty());
  mqtt::Subscribe packet;
  unsigned options = 0;
  packet.entries.reserve(filters.size());
  for (const std::string& filter : filters) {
    packet.entries.push_back({.filter = filter,
                              .qos = static_cast<mqtt::Qos>(settings_.qos),
                              .retain_as_published = settings_.retain_as_published,
                              .retain_handling = settings_.retain_handling});
    options = (settings_.retain_as_published ? 8U : 0U) |
              static_cast<unsigned>(settings_.retain_handling) << 4U;
  }
  const std::string_view block = settings_.properties.subscribe;
  packet.user_properties = user_properties(block);
  mqtt::Cursor cursor(mqtt::as_bytes(block));
  mqtt::Property property;
  while (mqtt::take_property(cursor, property)) {
    if (property.id == mqtt::PropertyId::subscription_identifier) {
      packet.subscription_identifier = property.number;
    }
  }
  const auto accepted = client().subscribe(std::move(packet), client::Token{0}, now());
  if (accepted != client::Accepted::accepted) {
    complain("Error: " + std::string(text_of(Status::oversize_packet)) + "\n");
    return finish(Status::oversize_packet);
  }
  ++last_id_;
  for (const std::string& filter : filters) {
    std::array<char, 8> text{};
    (void)std::snprintf(text.data(), text.size(), "0x%02x", options);
    debug("sending SUBSCRIBE (Mid: " + number_text(last_id_) + ", Topic: " + filter +
          ", QoS: " + number_text(settings_.qos) + ", Options: " + text.data() + ")");
  }
}

void Session::unsubscribe(const std::string& filter) {
  mqtt::Unsubscribe packet{.filters = {filter},
                           .user_properties = user_properties(settings_.properties.unsubscribe)};
  if (client().unsubscribe(std::move(packet), client::Token{0}, now()) !=
      client::Accepted::accepted) {
    complain("Error: " + std::string(text_of(Status::oversize_packet)) + "\n");
    return finish(Status::oversize_packet);
  }
  ++last_id_;
  debug("sending UNSUBSCRIBE (Mid: " + number_text(last_id_) + ", Topic: " + filter + ")");
}

std::string Session::name() const {
  const std::string_view id = runner_->client().client_id();
  return id.empty() ? "(null)" : std::string(id);
}

void Session::complain(std::string_view text) const {
  if (!settings_.quiet) (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

void Session::debug(const std::string& text) const {
  if (!settings_.debug) return;
  (void)std::printf("Client %s %s\n", name().c_str(), text.c_str());
}

}  // namespace shell
