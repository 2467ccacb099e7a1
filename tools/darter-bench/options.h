#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "broker/wire/protocol.h"

namespace bench {

/// The options of the command line. 0 in a count is the scenario's own choice.
struct Options {
  bool help = false;
  std::string scenario;

  std::uint32_t port = 1883;
  std::uint32_t receive_port = 0;  // of the broker that subscribers connect to; 0: the same
  bool websocket = false;
  bool tls = false;
  std::string path = "/mqtt";
  std::uint32_t mqtt = 4;  // the protocol level of CONNECT
  std::uint32_t pid = 0;   // of the broker; 0: nobody to measure

  std::uint32_t qos = 0;
  std::uint32_t payload_bytes = 64;
  std::uint32_t publishers = 0;
  std::uint32_t subscribers = 0;
  std::uint32_t receivers = 0;  // of each message
  std::uint32_t window = 100;   // messages under way for each publisher
  std::uint32_t others = 0;     // subscriptions that stand beside, and match nothing
  std::uint32_t count = 0;
  std::uint32_t at_once = 64;  // connections that are being opened
  std::uint32_t users = 0;     // user names, bench-0 and so on, with one password; 0: none
  std::string password;
  std::uint32_t keep_alive_seconds = 300;
  bool own_topics = false;
  bool online = false;
  bool spin = false;
  std::string folder = ".";  // where the floor of durability is measured

  double rate_per_second = 5000;
  double warmup_seconds = 1;
  double seconds = 2;
  double limit_seconds = 120;

  [[nodiscard]] mqtt::Version version() const { return static_cast<mqtt::Version>(mqtt); }
  [[nodiscard]] mqtt::Qos quality() const { return static_cast<mqtt::Qos>(qos); }
};

/// Reads the arguments behind the program's name.
///
/// Errors    One sentence for the user.
[[nodiscard]] std::expected<Options, std::string> read_options(std::span<const std::string> words);

/// The output of --help.
[[nodiscard]] std::string help_text();

}  // namespace bench
