#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <system_error>

#include "tools/null-relay/relay.h"

namespace relay {
namespace {

constexpr int done = 0;
constexpr int failed = 1;
constexpr int misused = 2;

constexpr const char* help = R"(Usage: null-relay PORT

Passes MQTT messages on and does nothing else: no checks, no sessions, no retained messages, no
limits. What it costs is what the sockets cost: a floor to hold brokers against, not a broker.
It listens on 127.0.0.1 alone and ends on SIGTERM or Ctrl-C.

Examples:
  null-relay 2883
  mosquitto_sub -p 2883 -t 'a/#' & mosquitto_pub -p 2883 -t a/b -m hello
)";

std::optional<std::uint16_t> port_in(std::string_view word) {
  std::uint16_t port = 0;
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), port);
  const bool good = fault == std::errc{} && end == word.data() + word.size() && port > 0;
  return good ? std::optional(port) : std::nullopt;
}

void raise_file_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

/// Holds SIGTERM and SIGINT back, so that they can be asked for between two turns.
sigset_t hold_signals() {
  sigset_t ends{};
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  return ends;
}

int serve(std::uint16_t port) {
  raise_file_limit();
  const sigset_t ends = hold_signals();
  const auto relay = Relay::listen(port);
  if (!relay) {
    (void)std::fprintf(stderr, "null-relay: %s\n", relay.error().c_str());
    return failed;
  }
  sockets::Descriptor signals(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
  (*relay)->serve_until_readable(signals.number());
  return done;
}

}  // namespace
}  // namespace relay

int main(int count, char** words) {
  const std::string_view word = count == 2 ? words[1] : "";
  if (word == "-h" || word == "--help") {
    (void)std::fputs(relay::help, stdout);
    return relay::done;
  }
  if (const auto port = relay::port_in(word)) return relay::serve(*port);
  (void)std::fputs("null-relay: one port number is wanted; null-relay --help shows how.\n", stderr);
  return relay::misused;
}
