#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/mailbox.h"
#include "broker/shard.h"
#include "broker/wire/framer.h"
#include "transport/websocket.h"

namespace test {

/// The publishes of a Workload, and their receivers.
struct Traffic {
  std::string_view name;
  std::uint32_t publishers = 50;
  std::uint32_t subscribers = 50;  // publishers, or a multiple or a part of them
  std::uint32_t messages = 10;     // of each publisher in a round
  std::uint32_t rounds = 20;       // that are counted
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  mqtt::Version version = mqtt::Version::v3_1_1;
  std::uint32_t payload_bytes = 64;
  std::uint32_t shards = 1;
  bool across = false;       // publishers live on shard 0, subscribers on shard 1
  bool websocket = false;    // each batch of a publisher is a masked frame
  bool stored = false;       // sessions last, and acknowledgements wait for the journal
  std::uint32_t others = 0;  // subscriptions with wildcards that match something else
  mqtt::TextRule text_rule = mqtt::TextRule::any;
  bool traced = false;         // a trace of another topic goes on
  bool fresh_topics = false;   // no topic twice in a round; each is below one wildcard
  std::uint32_t sessions = 0;  // of clients that are away
  bool reports = false;        // a round is a report of figures, and nothing is published
};

/// The fixed set of traffics with a watched cost.
[[nodiscard]] const std::vector<Traffic>& traffics();
[[nodiscard]] const Traffic* find_traffic(std::string_view name);

/// The shards of a broker under a load that is the same every time, in one thread: the workload
/// plays the loops' part, and clients answer as the protocol asks.
///
/// Shape      A round: every publisher sends its messages in one read; turns go on until all is
///            delivered and acknowledged.
/// Invariant  The broker's work happens below counted_receive(), counted_hear(), counted_flush()
///            and counted_report(); the clients' does not. So a profiler that counts these four
///            functions only counts the cost of a message to the broker's loop, system calls left
///            out. Work before the first round is not below them.
class Workload {
 public:
  explicit Workload(const Traffic& traffic);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  void round();
  /// Messages that subscribers were sent, each counted for each; or reports.
  [[nodiscard]] std::uint64_t delivered() const noexcept { return delivered_; }
  /// How long the counted functions took.
  [[nodiscard]] std::chrono::nanoseconds time_counted() const noexcept { return time_counted_; }

  /// The rest of a broker around its shards, for the counted functions.
  struct Station;

 private:
  struct Client;

  Client& connect(std::uint32_t shard, std::string_view role, std::uint32_t number);
  void subscribe(Client& client, std::string_view filter);
  void subscribe_all();
  /// Makes the sessions of clients that are away.
  void make_sessions();
  [[nodiscard]] std::string topic_of(std::uint32_t publisher, std::uint32_t message) const;
  void publish(Client& client, std::uint32_t publisher);
  void send(Client& client);
  template <typename Function, typename... Arguments>
  void count(Function counted, Function plain, Arguments&&... arguments);
  /// Turns until nobody has anything to say.
  void settle();
  bool turn();
  void end_turn(std::uint32_t shard);
  void read(Client& client, mqtt::Bytes bytes);
  void answer(Client& client, const mqtt::Frame& frame);

  Traffic traffic_;
  std::unique_ptr<Station> station_;
  std::vector<std::unique_ptr<Client>> clients_;  // publishers first
  std::uint64_t delivered_ = 0;
  std::uint32_t names_ = 0;
  std::chrono::nanoseconds time_counted_{0};
  bool counting_ = false;
};

}  // namespace test
