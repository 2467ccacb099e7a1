// nats-probe [OPTION VALUE]... URL...: a NatsLink that does what lines of its input say, and prints
// what NATS tells it, a line each, with the words of NatsUser.
//
// Options: --name, --user, --password, --token, --credentials, --ca, --cert, --key, --bucket,
// --replicas, --silence MILLISECONDS, --pending BYTES, --insecure yes
//
// Input: sub SUBJECT, subs PREFIX COUNT, unsub SUBJECT, pub SUBJECT TEXT, flood SUBJECT COUNT
// BYTES, echo SUBJECT (sends back what comes, to SUBJECT.back), put KEY TEXT, put_if KEY REVISION
// TEXT, del KEY, sleep MILLISECONDS (in a call of the user), count (of messages, not printed from
// then on; their payloads are the numbers of flood), counted, figures, stop, end

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <thread>

#include "transport/nats/nats_link.h"

namespace {

using transport::NatsLink;
using Clock = std::chrono::steady_clock;

double seconds_of_cpu() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

template <typename... Words>
void say(const Words&... words) {
  std::ostringstream line;
  ((line << words << ' '), ...);
  std::string text = line.str();
  text.back() = '\n';
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

class Probe final : public transport::NatsUser {
 public:
  explicit Probe(transport::NatsOptions options) : link_(std::move(options), *this) {}

  int run() {
    if (const auto started = link_.start(); !started) {
      say("error", started.error());
      return 1;
    }
    std::string line;
    while (std::getline(std::cin, line)) {
      std::istringstream words(line);
      std::string command;
      words >> command;
      if (command == "end") break;
      obey(command, words);
    }
    return 0;
  }

 private:
  void nats_connected(std::string_view server) override { say("connected", server); }
  void nats_disconnected(std::string_view why) override { say("disconnected", why); }
  void nats_complained(std::string_view what) override { say("complained", what); }
  void nats_has_room() override { has_room_.store(true); }
  void nats_received(std::string_view subject, mqtt::Bytes payload) override {
    holds_.wait(true);
    if (counts_) {
      count(payload);
    } else if (subject == echo_) {
      link_.publish(echo_ + ".back", payload);
    } else if (waits_for_echo_) {
      waits_for_echo_ = false;
      waits_for_echo_.notify_all();
    } else {
      say("received", subject, mqtt::as_text(payload));
    }
  }
  void record_seen(std::string_view key, mqtt::Bytes value, std::uint64_t revision,
                   bool deleted) override {
    say(deleted ? "deleted" : "record", key, revision, mqtt::as_text(value));
  }
  void records_are_current() override { say("current"); }
  void records_unavailable(std::string_view why) override { say("unavailable", why); }
  void record_written(std::string_view key, std::uint64_t revision) override {
    say("written", key, revision);
  }
  void record_refused(std::string_view key, transport::RecordRefusal refusal,
                      std::string_view why) override {
    static constexpr const char* names[] = {"unavailable", "conflict", "invalid"};
    say("refused", key, names[static_cast<unsigned>(refusal)], why);
  }

  /// Numbers have to come in order; some may be missing.
  void count(mqtt::Bytes payload) {
    std::uint64_t number = 0;
    std::memcpy(&number, payload.data(), std::min(sizeof number, payload.size()));
    if (number <= last_number_) ordered_ = false;
    last_number_ = number;
    ++counted_;
  }

  void obey(const std::string& command, std::istringstream& words) {
    std::string name;
    if (command == "figures") {
      say_figures();
    } else if (command == "stop") {
      const auto begin = Clock::now();
      link_.stop();
      say("stopped", seconds_since(begin));
    } else if (command == "counted") {
      say("counted", counted_.load(), ordered_ ? "in order" : "out of order");
    } else if (command == "cpu") {
      say("cpu", seconds_of_cpu());
    } else if (command == "count") {
      counted_ = 0;
      last_number_ = 0;
      counts_ = true;
      say("counting");
    } else if (command == "hold" || command == "release") {
      holds_ = command == "hold";
      holds_.notify_all();
    } else {
      words >> name;
      obey_named(command, name, words);
    }
  }
  void obey_named(const std::string& command, const std::string& name, std::istringstream& words) {
    std::uint64_t number = 0;
    if (command == "sub") {
      link_.subscribe(name);
    } else if (command == "unsub") {
      link_.unsubscribe(name);
    } else if (command == "subs") {
      words >> number;
      for (std::uint64_t at = 0; at < number; ++at) {
        link_.subscribe(name + "." + std::to_string(at));
      }
    } else if (command == "echo") {
      echo_ = name;
      link_.subscribe(name);
    } else if (command == "trips") {
      words >> number;
      make_trips(name, number);
    } else if (command == "pub") {
      publish(name, rest(words));
    } else if (command == "flood") {
      std::size_t bytes = 0;
      words >> number >> bytes;
      flood(name, number, bytes);
    } else if (command == "fill") {
      words >> number;
      fill(name, number);
    } else if (command == "put") {
      link_.put_record(name, mqtt::as_bytes(rest(words)));
    } else if (command == "put_if") {
      words >> number;
      link_.put_record_if(name, mqtt::as_bytes(rest(words)), number);
    } else if (command == "del") {
      link_.delete_record(name);
    } else {
      say("error", command);
    }
  }
  static std::string rest(std::istringstream& words) {
    std::string text;
    std::getline(words >> std::ws, text);
    return text;
  }

  void publish(const std::string& subject, const std::string& text) {
    static constexpr const char* names[] = {"queued", "full", "dropped", "too_large"};
    const auto published = link_.publish(subject, mqtt::as_bytes(text));
    say("published", names[static_cast<unsigned>(published)]);
  }
  /// Publishes numbers, and waits when there is no room.
  void flood(const std::string& subject, std::uint64_t count, std::size_t bytes) {
    std::string payload(std::max(bytes, sizeof count), 'x');
    const auto begin = Clock::now();
    const double cpu = seconds_of_cpu();
    for (std::uint64_t number = 1; number <= count; ++number) {
      std::memcpy(payload.data(), &number, sizeof number);
      has_room_ = false;
      if (link_.publish(subject, mqtt::as_bytes(payload)) != NatsLink::Published::full) continue;
      while (!has_room_) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    while (link_.figures().pending_bytes > 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    say("flooded", count, seconds_since(begin), seconds_of_cpu() - cpu);
  }
  void fill(const std::string& subject, std::size_t bytes) {
    const std::string payload(bytes, 'x');
    std::uint64_t count = 0;
    auto last_room = Clock::now();
    while (seconds_since(last_room) < 0.4) {
      if (link_.publish(subject, mqtt::as_bytes(payload)) == NatsLink::Published::dropped) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
      ++count;
      last_room = Clock::now();
    }
    say("filled", count);
  }
  /// One message after the other to a probe that sends them back.
  void make_trips(const std::string& subject, std::uint64_t count) {
    const double cpu = seconds_of_cpu();
    const auto begin = Clock::now();
    for (std::uint64_t number = 0; number < count; ++number) {
      waits_for_echo_ = true;
      link_.publish(subject, mqtt::as_bytes("trip"));
      waits_for_echo_.wait(true);
    }
    say("trips", count, seconds_since(begin), seconds_of_cpu() - cpu);
  }
  void say_figures() {
    const transport::NatsFigures all = link_.figures();
    say("figures", "connected", all.is_connected, "server", all.server, "reconnects",
        all.reconnects, "messages_out", all.messages_out, "bytes_out", all.bytes_out, "messages_in",
        all.messages_in, "bytes_in", all.bytes_in, "pending_bytes", all.pending_bytes, "dropped",
        all.dropped, "reading_pauses", all.reading_pauses, "payload_bytes_max",
        link_.payload_bytes_max());
  }

  std::string echo_;
  std::atomic<bool> waits_for_echo_{false};
  std::atomic<bool> counts_{false};
  std::atomic<bool> has_room_{false};
  std::atomic<bool> ordered_{true};
  std::atomic<std::uint64_t> counted_{0};
  std::atomic<bool> holds_{false};
  std::uint64_t last_number_ = 0;
  NatsLink link_;
};

/// Takes one option. False: there is none of that name.
bool take(transport::NatsOptions& all, std::string_view name, const std::string& value) {
  const auto number = [&value] { return static_cast<std::uint32_t>(std::stoul(value)); };
  if (name == "--name") {
    all.name = value;
  } else if (name == "--user") {
    all.user = value;
  } else if (name == "--password") {
    all.password = value;
  } else if (name == "--token") {
    all.token = value;
  } else if (name == "--credentials") {
    all.credentials_file = value;
  } else if (name == "--ca") {
    all.ca_file = value;
  } else if (name == "--cert") {
    all.certificate_file = value;
  } else if (name == "--key") {
    all.key_file = value;
  } else if (name == "--bucket") {
    all.bucket = value;
  } else if (name == "--replicas") {
    all.replicas = number();
  } else if (name == "--silence") {
    all.silence_milliseconds = number();
  } else if (name == "--pending") {
    all.pending_bytes_max = number();
  } else if (name == "--insecure") {
    all.insecure = value == "yes";
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int count, char** words) {
  transport::NatsOptions options;
  options.name = "probe";
  for (int at = 1; at < count; ++at) {
    const std::string_view word = words[at];
    if (!word.starts_with("--")) {
      options.urls.emplace_back(word);
    } else if (at + 1 == count || !take(options, word, words[++at])) {
      say("error not understood:", word);
      return 2;
    }
  }
  return Probe(std::move(options)).run();
}
