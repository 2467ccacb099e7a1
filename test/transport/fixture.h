// test/transport/fixture.h
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "broker/core/log.h"
#include "broker/shard.h"
#include "test/packets.h"
#include "transport/descriptor.h"
#include "transport/http_routes.h"
#include "transport/listener.h"
#include "transport/loops.h"

namespace transport {

/// Waits for `condition`, which other threads make true.
template <typename Condition>
[[nodiscard]] bool eventually(Condition&& condition) {
  for (int count = 0; count < 2000; ++count) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

/// Keeps log lines for a test to look at.
class TestLog : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType type) const noexcept override {
    return type != broker::LogType::debug;
  }
  void write(broker::LogType type, std::string_view line) override;
  /// Waits until a line has `text` in it.
  [[nodiscard]] bool says(std::string_view text);
  /// How many lines have `text` in them by now.
  [[nodiscard]] std::size_t count(std::string_view text);

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A broker on loopback with an MQTT listener and a WebSocket listener.
class TestBroker {
 public:
  struct Options {
    std::uint32_t loops = 1;
    LoopOptions loop;
    ListenerOptions mqtt;
    ListenerOptions websockets;
    std::shared_ptr<const TlsContext> tls = nullptr;   // of both listeners; null: they are plain
    LoginFunction login;                               // null: everybody may come in
    std::shared_ptr<const HttpRoutes> http = nullptr;  // null: files and health checks
    bool run = true;                                   // start at once
  };
  explicit TestBroker(Options options);
  TestBroker() : TestBroker(Options{}) {}

  [[nodiscard]] std::uint16_t port() const { return listeners_[0]->port(); }
  [[nodiscard]] std::uint16_t websocket_port() const { return listeners_[1]->port(); }
  [[nodiscard]] TestLog& log() { return log_; }
  [[nodiscard]] Loops& loops() { return *loops_; }
  [[nodiscard]] Listener& listener(std::size_t index) { return *listeners_[index]; }

 private:
  TestLog log_;
  std::unique_ptr<broker::Commons> commons_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::unique_ptr<Loops> loops_;
};

[[nodiscard]] inline TestBroker::Options with_loops(std::uint32_t loops) {
  TestBroker::Options options;
  options.loops = loops;
  return options;
}

/// A blocking client socket; nothing waits for longer than ten seconds.
class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer_bytes = 0);
  explicit Client(const std::string& unix_path);

  void send(std::string_view bytes);
  /// Sends bytes one by one, each in a segment of its own.
  void send_slowly(std::string_view bytes);
  /// Receives exactly so many bytes; fewer when the broker closed.
  [[nodiscard]] std::string receive(std::size_t size);
  /// Receives until the broker closes.
  [[nodiscard]] std::string receive_all();
  /// Receives until the bytes end with `text`, or the broker closes.
  [[nodiscard]] std::string receive_until(std::string_view text);
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  void close() { socket_ = Descriptor(); }

 private:
  Descriptor socket_;
};

// Packets of MQTT 3.1.1.

[[nodiscard]] std::string connect(std::string_view client_id, std::string_view will_topic = {});
[[nodiscard]] std::string subscribe(std::string_view filter, unsigned qos = 0);
[[nodiscard]] std::string publish(std::string_view topic, std::string_view payload,
                                  unsigned packet_id = 0);
inline const std::string connack = test::encoded(mqtt::Connack{}, mqtt::Version::v3_1_1);
[[nodiscard]] std::string suback(unsigned qos = 0);

// WebSocket.

[[nodiscard]] std::string upgrade_request(std::string_view further_fields = {});
/// The answer to it.
inline const std::string upgraded =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
/// A masked frame, as clients send it.
[[nodiscard]] std::string client_frame(unsigned first_byte, std::string_view payload);
/// A frame as the broker sends it.
[[nodiscard]] std::string server_frame(unsigned first_byte, std::string_view payload);

}  // namespace transport
