// persistence/mosquitto_survey.h
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "persistence/mosquitto_db.h"
#include "persistence/mosquitto_import.h"

namespace persistence {

/// Why an import ends early.
struct ImportStop {
  std::string sentence;
};
template <typename T>
using ImportStep = std::expected<T, ImportStop>;

/// A delivery to a client that has still to be made.
struct ImportedDelivery {
  std::uint64_t message_id = 0;
  std::uint64_t number = 0;            // see number_deliveries()
  std::uint32_t first_identifier = 0;  // index into MosquittoSurvey::identifiers
  std::uint32_t identifier_count = 0;
  std::uint32_t group = 0;  // 1 + index into MosquittoSurvey::groups; 0: not shared
  std::uint16_t packet_id = 0;
  std::uint8_t qos = 0;
  bool sent = false;      // the client may have got it, under its packet identifier
  bool released = false;  // PUBREC has come
  bool retain = false;
};

/// The decision on a session.
enum class SessionFate : std::uint8_t { kept, expired, ended, known, ill_formed };

struct ImportedSession {
  std::string client_id;
  std::string user_name;
  std::uint16_t listener_port = 0;
  std::uint16_t last_packet_id = 0;
  std::uint32_t expiry_interval_s = MosquittoDb::never_expires;
  std::int64_t expires_s = 0;
  SessionFate fate = SessionFate::kept;
  std::uint64_t key = 0;  // in the store; 0: not written
  std::vector<ImportedDelivery> waiting;
  std::vector<std::uint16_t> incoming;           // packet identifiers, PUBREL not yet come
  std::vector<std::uint64_t> incoming_messages;  // their messages, in the same order

  [[nodiscard]] bool kept() const noexcept { return fate == SessionFate::kept; }
};

struct ImportedMessage {
  std::uint64_t id = 0;
  std::uint64_t offset = 0;  // of its chunk's end
  std::uint64_t key = 0;     // in the store; 0: not written
  bool wanted = false;       // a delivery refers to it
  bool retained = false;     // it is the retained message of its topic
  bool usable = true;        // neither expired nor ill-formed
};

/// The sessions in a mosquitto.db, and their references to messages: the result of reading it once.
///
/// Shape      see() for each chunk, then sort_messages(), then the questions.
/// Invariant  Texts and payloads of messages stay in the file.
/// Errors     Objects left out are counted; a message that stands twice ends the import.
/// Cost       About 100 bytes for each session, and 32 for each message.
class MosquittoSurvey {
 public:
  /// `now_milliseconds`: since 1970; sessions and messages expired by then are not usable.
  MosquittoSurvey(std::int64_t now_milliseconds, Imported::LeftOut& left_out)
      : now_milliseconds_(now_milliseconds), left_out_(left_out) {}

  /// `end_offset`: where the chunk ends in the file.
  void see(const MosquittoDb::Chunk& chunk, std::uint64_t end_offset);
  [[nodiscard]] ImportStep<void> sort_messages();
  /// Marks the messages that are retained.
  void mark_retained();
  /// Leaves out deliveries of missing or unusable messages, and marks the others' as wanted.
  void resolve(ImportedSession& session);

  /// The session of that client, a new one if there was none.
  [[nodiscard]] std::uint32_t index_of(std::string_view client_id);
  [[nodiscard]] ImportedSession& session_of(std::string_view client_id) {
    return sessions[index_of(client_id)];
  }
  /// Null: there is no such message.
  [[nodiscard]] ImportedMessage* message(std::uint64_t id);
  /// Counts it if it is missing.
  [[nodiscard]] ImportedMessage* expected_message(std::uint64_t id);
  /// Adds a subscription identifier to a delivery.
  void add_identifier(ImportedDelivery& delivery, std::uint32_t identifier);

  std::deque<ImportedSession> sessions;    // in place: by_client_id_ refers to their texts
  std::vector<std::uint32_t> identifiers;  // subscription identifiers; those of one stand together
  std::vector<std::pair<std::string, std::string>> groups;  // share name, filter

 private:
  void see(const MosquittoDb::Configuration& /*chunk*/) {}
  void see(const MosquittoDb::Message& chunk);
  void see(const MosquittoDb::Session& chunk);
  void see(const MosquittoDb::Delivery& chunk);
  void see(const MosquittoDb::Subscription& chunk) { (void)index_of(chunk.client_id); }
  void see(const MosquittoDb::Retained& chunk) { retained_.push_back(chunk.message_id); }

  std::int64_t now_milliseconds_;
  Imported::LeftOut& left_out_;
  std::uint64_t end_offset_ = 0;  // of the chunk that is seen
  std::unordered_map<std::string_view, std::uint32_t> by_client_id_;
  std::vector<ImportedMessage> messages_;  // sorted by id
  std::vector<std::uint64_t> retained_;
};

}  // namespace persistence
