// persistence/mosquitto_incoming.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/wire/topic.h"
#include "persistence/mosquitto_survey.h"

namespace persistence {

/// QoS 2 messages without a PUBREL. darter routes such a message at PUBLISH, Mosquitto at PUBREL.
/// The client has its PUBREC and does not retransmit the message: it has to go to its receivers
/// now.
///
/// Shape      collect(), and unless empty(): read() for each chunk of the file, then pass_on().
/// Invariant  A session that is not kept neither sends nor receives.
/// Lifetime   That of the survey, because its sessions get the deliveries.
class MosquittoIncoming {
 public:
  MosquittoIncoming(MosquittoSurvey& survey, const ImportOptions& options)
      : survey_(survey), options_(options) {}

  /// Finds out which messages these are. Returns the number of packet identifiers.
  [[nodiscard]] std::uint64_t collect();
  [[nodiscard]] bool empty() const noexcept { return messages_.empty(); }
  /// Collects the topics of the messages, and the sessions' subscriptions.
  void read(const MosquittoDb::Chunk& chunk);
  void pass_on();

  /// Whether a message that is passed on is retained for that topic in place of message `id`.
  [[nodiscard]] bool replaces_retained(std::string_view topic, std::uint64_t id) const;

 private:
  /// The fields of a message that routing needs.
  struct Message {
    std::string topic;
    bool retain = false;
    bool clears = false;  // an empty payload: nothing is retained from now on
  };
  struct Subscription {
    std::uint32_t session = 0;
    std::uint32_t identifier = 0;
    std::uint32_t group = 0;
    std::string filter;
    std::uint8_t qos = 0;
    bool no_local = false;
    bool retain_as_published = false;
  };

  void remember(const MosquittoDb::Subscription& chunk);
  void pass_on(const ImportedSession& publisher, std::uint64_t id, const Message& message);
  void offer(const Subscription& subscription, const ImportedSession& publisher, std::uint64_t id,
             const Message& message);

  MosquittoSurvey& survey_;
  const ImportOptions& options_;
  std::unordered_map<std::uint64_t, Message> messages_;  // by id
  std::vector<Subscription> subscriptions_;
  std::unordered_multimap<std::string_view, std::uint32_t> literal_;  // by filter
  std::vector<std::uint32_t> wild_;
  /// Topics for which something is retained now: the message, or 0 for none any more.
  std::unordered_map<std::string, std::uint64_t> newly_retained_;
};

/// A filter of the file taken apart, or nothing if MQTT does not allow it.
[[nodiscard]] std::optional<mqtt::SharedFilter> parts_of(const MosquittoDb::Subscription& chunk);

}  // namespace persistence
