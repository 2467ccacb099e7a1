#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/client/client.h"
#include "tools/darter-client/client_options.h"
#include "tools/darter-client/reason_text.h"
#include "tools/darter-client/settings.h"
#include "transport/link/runner.h"

namespace shell {

class Session;

/// The work of a tool, by its events. Calls come from Session::run().
class Task {
 public:
  virtual ~Task() = default;

  /// A connection is there, the first or a later one.
  virtual void connected(Session& session) = 0;
  virtual void received(Session& session, const mqtt::Publish& message) {
    (void)session, (void)message;
  }
  /// A publication with QoS 1 or 2 is finished.
  virtual void acknowledged(Session& session, const client::Acknowledged& event) {
    (void)session, (void)event;
  }
  /// SUBACK or UNSUBACK.
  virtual void answered(Session& session, const mqtt::SubscribeAnswer& answer) {
    (void)session, (void)answer;
  }
  /// After each event, and when next_wake() has come or input is there; also without a connection.
  virtual void turn(Session& session) { (void)session; }
  [[nodiscard]] virtual std::optional<broker::Instant> next_wake() const { return std::nullopt; }
  /// Whether a connection that is lost is made again.
  [[nodiscard]] virtual bool reconnects() const { return false; }
};

/// One MQTT client of a tool, from its first connection to the exit status.
///
/// Shape      A client over its link (transport::ClientRunner), the events of which go to a task;
///            errors go to standard error, the packets of -d to standard output.
/// Threads    One; it takes over SIGINT and SIGTERM if take_signals() is called.
class Session {
 public:
  Session(const Settings& settings, transport::LinkOptions link);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Connects, and lets the task work until finish(), a failure or the time of -W.
  ///
  /// Returns   The exit status.
  [[nodiscard]] int run(Task& task);

  // For the task.

  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] client::Client& client() { return runner_->client(); }
  [[nodiscard]] broker::Instant now() const { return runner_->now(); }
  [[nodiscard]] bool is_finishing() const noexcept { return finishing_; }
  /// Publishes to `topic` with the properties of -D.
  [[nodiscard]] client::Accepted publish(std::string_view topic, std::string_view payload,
                                         mqtt::Qos qos, bool retain);
  /// Subscribes to all filters at once; an error ends the session.
  void subscribe(const std::vector<std::string>& filters);
  void unsubscribe(const std::string& filter);
  /// Sends DISCONNECT, and ends with that status.
  void finish(int status, mqtt::Reason reason = mqtt::Reason::success);
  void finish(Status status) { finish(static_cast<int>(status)); }
  /// Watches standard input; false if that is a file, which can always be read.
  [[nodiscard]] bool watch_input() { return runner_->watch(standard_input); }
  void unwatch_input() { (void)runner_->watch(-1); }
  [[nodiscard]] bool input_ready() const { return runner_->is_readable(); }
  /// Ends the session in order on SIGINT and SIGTERM.
  void take_signals();
  /// The broker, for people.
  [[nodiscard]] std::string address() const { return link_.address.text(); }

  /// Prints to standard error unless --quiet is given.
  void complain(std::string_view text) const;
  /// Prints a line of -d.
  void debug(const std::string& text) const;

 private:
  static constexpr int standard_input = 0;

  void open(mqtt::Version version);
  void dispatch(const client::Event& event, Task& task);
  void on_connected(const client::Connected& event, Task& task);
  void on_message(const mqtt::Publish& message, Task& task);
  void on_answered(const mqtt::SubscribeAnswer& answer, Task& task);
  void on_disconnected(const client::Disconnected& event, const Task& task);
  void on_refused(const client::Disconnected& event);
  void on_lost(const client::Disconnected& event, const Task& task);
  [[nodiscard]] bool falls_back(const client::Disconnected& event);
  void look_at_time_and_signals();
  [[nodiscard]] std::string name() const;
  void debug_acknowledgement(const client::Acknowledged& event) const;
  [[nodiscard]] std::optional<broker::Instant> earliest_wake(const Task& task) const;

  const Settings& settings_;
  transport::LinkOptions link_;
  std::unique_ptr<transport::ClientRunner> runner_;
  mqtt::Version version_ = mqtt::Version::v5_0;
  MessageProperties publish_properties_;
  std::optional<int> result_;  // run() is over
  int status_ = 0;             // that finish() gave
  bool finishing_ = false;
  bool connected_before_ = false;
  std::optional<broker::Instant> deadline_;  // of -W
  std::uint16_t last_id_ = 0;                // of the packets that -d prints
};

}  // namespace shell
