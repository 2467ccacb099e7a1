#include "tools/darter-client/subscribe_task.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <random>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include "broker/wire/reason_text.h"
#include "broker/wire/topic.h"
#include "tools/darter-client/output.h"
#include "tools/darter-client/publish_task.h"
#include "tools/darter-client/watch_table.h"

namespace shell {
namespace {

/// How a subscriber shows messages.
class Display {
 public:
  virtual ~Display() = default;
  /// False if the reader of the output has gone.
  [[nodiscard]] virtual bool show(Session& session, const mqtt::Publish& message) = 0;
  /// Called when next_refresh() has come.
  [[nodiscard]] virtual bool refresh(Session& session) {
    (void)session;
    return true;
  }
  [[nodiscard]] virtual std::optional<broker::Instant> next_refresh() const { return std::nullopt; }
};

bool print_message(Session& session, const mqtt::Publish& message) {
  std::string fault;
  const std::string text = printed_message(session.settings(), message, fault);
  session.complain(fault);
  return print(text);
}

class MessageDisplay final : public Display {
 public:
  bool show(Session& session, const mqtt::Publish& message) override {
    return print_message(session, message);
  }
};

/// -w: each topic has a line of the terminal.
class FixedLineDisplay final : public Display {
 public:
  explicit FixedLineDisplay(const Session& session) {
    (void)print("\033[2J\033[1;1HBroker: " + session.settings().reach.host + "\n");
  }
  bool show(Session& session, const mqtt::Publish& message) override {
    const int next = static_cast<int>(lines_.size()) + first_line;
    const int line = lines_.emplace(message.topic, next).first->second;
    const int below = static_cast<int>(lines_.size()) + first_line - 1;
    return print("\033[" + std::to_string(line) + ";1H") && print_message(session, message) &&
           print("\033[" + std::to_string(below) + ";1H\n");
  }

 private:
  static constexpr int first_line = 2;
  std::map<std::string, int, std::less<>> lines_;
};

/// --watch: a table, once a second; on a terminal in place.
class TableDisplay final : public Display {
 public:
  explicit TableDisplay(const Session& session)
      : table_(session.address()), on_terminal_(isatty(STDOUT_FILENO) == 1) {
    next_ = session.now();
  }
  bool show(Session& session, const mqtt::Publish& message) override {
    table_.add(message, session.now());
    return true;
  }
  bool refresh(Session& session) override {
    constexpr std::int64_t refresh_milliseconds = 1000;
    next_ = broker::after_milliseconds(session.now(), refresh_milliseconds);
    std::size_t rows = 1'000'000;
    std::size_t columns = 200;
    winsize size{};
    if (on_terminal_ && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
      rows = size.ws_row - 1U;
      columns = size.ws_col;
    }
    const std::string text = table_.render(session.now(), rows, columns);
    return print(on_terminal_ ? "\033[H\033[2J" + text : text + "\n");
  }
  [[nodiscard]] std::optional<broker::Instant> next_refresh() const override { return next_; }

 private:
  WatchTable table_;
  bool on_terminal_;
  broker::Instant next_;
};

/// --message-rate: a number each second.
class RateDisplay final : public Display {
 public:
  explicit RateDisplay(const Session& session) : next_(broker::after_seconds(session.now(), 1)) {}
  bool show(Session&, const mqtt::Publish&) override {
    ++count_;
    return true;
  }
  bool refresh(Session& session) override {
    next_ = broker::after_seconds(session.now(), 1);
    return print(std::to_string(std::exchange(count_, 0)) + " msgs/s\n");
  }
  [[nodiscard]] std::optional<broker::Instant> next_refresh() const override { return next_; }

 private:
  int count_ = 0;
  broker::Instant next_;
};

std::unique_ptr<Display> display_of(const Session& session) {
  const Settings& settings = session.settings();
  if (settings.message_rate) return std::make_unique<RateDisplay>(session);
  if (settings.watch) return std::make_unique<TableDisplay>(session);
  if (settings.fixed_lines) return std::make_unique<FixedLineDisplay>(session);
  return std::make_unique<MessageDisplay>();
}

bool all_refused(const mqtt::SubscribeAnswer& answer) {
  return std::ranges::all_of(
      answer.reasons, [](mqtt::Reason reason) { return std::to_underlying(reason) >= 0x80U; });
}

class SubscribeTask final : public Task {
 public:
  explicit SubscribeTask(const Session& session)
      : display_(display_of(session)), random_(std::random_device()()) {}

  void connected(Session& session) override {
    const Settings& settings = session.settings();
    if (!settings.topics.empty()) session.subscribe(settings.topics);
    for (const std::string& filter : settings.unsubscribe_topics) session.unsubscribe(filter);
    answers_wanted_ = settings.topics.empty() ? settings.unsubscribe_topics.size() : 1;
  }
  void answered(Session& session, const mqtt::SubscribeAnswer& answer) override {
    const Settings& settings = session.settings();
    const bool subscribed = answer.type == mqtt::PacketType::suback;
    if (subscribed && all_refused(answer)) {
      session.complain("All subscription requests were denied.\n");
      return session.finish(Status::success);
    }
    // Without subscriptions there are the unsubscriptions to wait for.
    if (subscribed == settings.topics.empty()) return;
    if (--answers_wanted_ == 0 && settings.exit_after_subscribe) session.finish(Status::success);
  }
  void received(Session& session, const mqtt::Publish& message) override {
    const Settings& settings = session.settings();
    if (done_) return;
    if (settings.retained_only && !message.retain) return end(session);
    if (message.retain && settings.skip_retained) return;
    const auto matches = [&](const std::string& filter) {
      return mqtt::matches(filter, message.topic);
    };
    if (std::ranges::any_of(settings.filter_outs, matches)) return;
    if (settings.remove_retained && message.retain) remove(session, message.topic);
    if (is_chosen(settings) && !display_->show(session, message)) return end(session);
    if (settings.message_count > 0 && ++count_ == settings.message_count) end(session);
  }
  void turn(Session& session) override {
    const auto next = display_->next_refresh();
    if (next && *next <= session.now() && !display_->refresh(session)) end(session);
    // Retained messages are removed before the end.
    if (done_ && session.client().in_flight() == 0) session.finish(Status::success);
  }
  [[nodiscard]] std::optional<broker::Instant> next_wake() const override {
    return display_->next_refresh();
  }
  [[nodiscard]] bool reconnects() const override { return true; }

 private:
  bool is_chosen(const Settings& settings) {
    constexpr int everything = 10'000;
    return settings.random_filter >= everything ||
           static_cast<int>(random_() % everything) < settings.random_filter;
  }
  void end(Session& session) {
    done_ = true;
    if (session.client().in_flight() == 0) session.finish(Status::success);
  }
  static void remove(Session& session, std::string_view topic) {
    // With so many on their way one more waits for its turn in the next run.
    (void)session.publish(topic, "", mqtt::Qos::at_least_once, true);
  }

  std::unique_ptr<Display> display_;
  std::minstd_rand random_;
  std::size_t answers_wanted_ = 0;
  int count_ = 0;
  bool done_ = false;
};

class RequestTask final : public Task {
 public:
  explicit RequestTask(std::string payload) : payload_(std::move(payload)) {}

  void connected(Session& session) override {
    session.subscribe({session.settings().response_topic.value()});
  }
  void answered(Session& session, const mqtt::SubscribeAnswer& answer) override {
    if (all_refused(answer)) {
      session.complain(std::string(text_of(answer.reasons.front())) + "\n");
      return session.finish(Status::success);
    }
    const Settings& settings = session.settings();
    sent_ = Stamp::now();
    const auto accepted =
        session.publish(*settings.topic, payload_, static_cast<mqtt::Qos>(settings.qos), false);
    if (accepted != client::Accepted::accepted) fail_to_publish(session, accepted);
  }
  void received(Session& session, const mqtt::Publish& message) override {
    const Settings& settings = session.settings();
    if (message.retain && settings.skip_retained) return;
    const Stamp now = Stamp::now();
    (void)print_message(session, message);
    if (settings.latency) (void)print(latency_text(now));
    session.finish(Status::success);
  }

 private:
  [[nodiscard]] std::string latency_text(Stamp now) const {
    const long long passed = static_cast<long long>(now.seconds - sent_.seconds) * 1'000'000'000LL +
                             (now.nanoseconds - sent_.nanoseconds);
    std::array<char, 64> text{};
    if (passed >= 1'000'000'000LL) {
      (void)std::snprintf(text.data(), text.size(), "Latency: %lld.%09lld\n",
                          passed / 1'000'000'000LL, passed % 1'000'000'000LL);
    } else if (passed < 1000) {
      (void)std::snprintf(text.data(), text.size(), "Latency: %lldns\n", passed);
    } else if (passed < 1'000'000) {
      (void)std::snprintf(text.data(), text.size(), "Latency: %fµs\n",
                          static_cast<double>(passed) / 1000);
    } else {
      (void)std::snprintf(text.data(), text.size(), "Latency: %fms\n",
                          static_cast<double>(passed) / 1'000'000);
    }
    return text.data();
  }

  std::string payload_;
  Stamp sent_;
};

}  // namespace

std::unique_ptr<Task> subscribe_task(const Session& session) {
  return std::make_unique<SubscribeTask>(session);
}

std::unique_ptr<Task> request_task(std::string payload) {
  return std::make_unique<RequestTask>(std::move(payload));
}

}  // namespace shell
