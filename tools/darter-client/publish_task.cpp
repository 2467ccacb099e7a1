#include "tools/darter-client/publish_task.h"

#include <optional>
#include <utility>

#include "broker/wire/reason_text.h"
#include "tools/darter-client/line_reader.h"

namespace shell {
namespace {

/// The broker has taken the message, or refused it, which is no failure of the tool.
void warn_of_refusal(const Session& session, const client::Acknowledged& event) {
  if (std::to_underlying(event.reason) < 0x80U) return;
  session.complain("Warning: Publish " + std::to_string(std::to_underlying(event.token)) +
                   " failed: " + std::string(text_of(event.reason)) + ".\n");
  if (!event.reason_string.empty()) session.complain(std::string(event.reason_string) + "\n");
}

mqtt::Qos qos_of(const Session& session) { return static_cast<mqtt::Qos>(session.settings().qos); }

class PublishTask final : public Task {
 public:
  explicit PublishTask(std::string payload) : payload_(std::move(payload)) {}

  void connected(Session& session) override { due_ = session.now(); }
  void acknowledged(Session& session, const client::Acknowledged& event) override {
    warn_of_refusal(session, event);
    count(session);
  }
  void turn(Session& session) override {
    while (due_ && *due_ <= session.now() && !session.is_finishing()) publish(session);
  }
  [[nodiscard]] std::optional<broker::Instant> next_wake() const override { return due_; }

 private:
  void publish(Session& session) {
    const Settings& settings = session.settings();
    due_.reset();
    const auto accepted =
        session.publish(*settings.topic, payload_, qos_of(session), settings.retain);
    if (accepted == client::Accepted::no_room) {
      // The next event is the end of the lack.
      due_ = broker::after_milliseconds(session.now(), 1);
    } else if (accepted != client::Accepted::accepted) {
      fail_to_publish(session, accepted);
    } else if (settings.qos == 0) {
      count(session);
    }
  }
  /// One more is done; the next is due, or none is left.
  void count(Session& session) {
    const Settings& settings = session.settings();
    if (++done_ >= settings.repeat_count) return session.finish(Status::success);
    due_ = broker::after_milliseconds(session.now(), settings.repeat_delay_milliseconds);
  }

  std::string payload_;
  int done_ = 0;
  std::optional<broker::Instant> due_;  // of the next message
};

class PublishLinesTask final : public Task {
 public:
  void connected(Session& session) override {
    if (started_) return;
    started_ = true;
    blocks_ = watching_ = session.watch_input();
  }
  void acknowledged(Session& session, const client::Acknowledged& event) override {
    warn_of_refusal(session, event);
  }
  void turn(Session& session) override {
    if (!started_) return;
    ready_ = !blocks_ || (watching_ && session.input_ready());
    while (session.client().has_room(qos_of(session)) && publish_or_read(session)) {
    }
    // Input that is not read stays ready, and would be seen at once each time.
    const bool reads = session.client().has_room(qos_of(session)) && !lines_.at_end();
    if (blocks_ && reads != watching_ && !session.is_finishing()) {
      if (!reads) session.unwatch_input();
      watching_ = reads && session.watch_input();
    }
  }
  [[nodiscard]] bool reconnects() const override { return true; }

 private:
  /// Publishes the next line, or reads on. False if there is input, room or an end to wait for.
  bool publish_or_read(Session& session) {
    if (!line_) line_ = lines_.next();
    if (line_) return publish(session);
    if (lines_.at_end()) {
      if (session.client().in_flight() == 0) session.finish(Status::success);
      return false;
    }
    if (!ready_) return false;
    ready_ = !blocks_;
    if (lines_.read()) return true;
    session.complain("Error: Unable to read standard input.\n");
    session.finish(Status::failed);
    return false;
  }
  bool publish(Session& session) {
    const Settings& settings = session.settings();
    const auto accepted =
        session.publish(*settings.topic, *line_, qos_of(session), settings.retain);
    if (accepted == client::Accepted::no_room) return false;
    line_.reset();
    if (accepted == client::Accepted::accepted) return true;
    fail_to_publish(session, accepted);
    return false;
  }

  LineReader lines_;
  std::optional<std::string> line_;  // that waits for room
  bool started_ = false;
  bool blocks_ = false;    // standard input is a pipe or a terminal
  bool watching_ = false;  // for input
  bool ready_ = false;     // a read returns at once
};

}  // namespace

std::unique_ptr<Task> publish_task(std::string payload) {
  return std::make_unique<PublishTask>(std::move(payload));
}

std::unique_ptr<Task> publish_lines_task() { return std::make_unique<PublishLinesTask>(); }

void fail_to_publish(Session& session, client::Accepted why) {
  using client::Accepted;
  Status status = Status::lost;
  if (why == Accepted::packet_too_large) status = Status::oversize_packet;
  if (why == Accepted::qos_not_supported) status = Status::qos_not_supported;
  if (why == Accepted::retain_not_supported) {
    session.complain("Error: " + std::string(text_of(mqtt::Reason::retain_not_supported)) +
                     " by the broker; try without -r.\n");
    return session.finish(std::to_underlying(mqtt::Reason::retain_not_supported));
  }
  session.complain("Error: " + std::string(text_of(status)) +
                   (status == Status::qos_not_supported ? "; try a lower QoS with -q.\n" : "\n"));
  session.finish(status);
}

}  // namespace shell
