// persistence/mosquitto_import.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "persistence/mosquitto_db.h"
#include "persistence/store.h"

namespace persistence {

/// Facts that an import needs and the file does not contain.
struct ImportOptions {
  struct Place {
    std::uint16_t listener = 0;
    std::string mount_point;
  };

  std::string source;                 // the file's name, for the note in the store
  std::int64_t now_milliseconds = 0;  // since 1970
  /// persistent_client_expiration: a session that is away lives no longer.
  std::uint32_t expiry_interval_max_s = MosquittoDb::never_expires;
  /// The listener of a port; 0: not known.
  std::function<Place(std::uint16_t port)> place_of;
  /// May a client be given a message?
  std::function<bool(std::uint16_t listener, std::string_view user_name, std::string_view client_id,
                     std::string_view topic)>
      may_receive;
  /// Called every few thousand chunks.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

/// Counts of the objects that an import wrote, and of those that it left out.
struct Imported {
  std::uint32_t version = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t sessions = 0;
  std::uint64_t subscriptions = 0;
  std::uint64_t retained = 0;
  std::uint64_t queued = 0;    // on their way to clients, sent or not
  std::uint64_t incoming = 0;  // QoS 2 from clients, PUBREL not yet come

  struct LeftOut {
    std::uint64_t expired_sessions = 0;
    std::uint64_t ended_sessions = 0;    // that lasted as long as their connection
    std::uint64_t known_sessions = 0;    // the store has one of this client id
    std::uint64_t known_retained = 0;    // the store has something for this topic
    std::uint64_t expired_messages = 0;  // retained or queued
    std::uint64_t missing_messages = 0;  // queued or retained, but not in the file
    std::uint64_t ill_formed = 0;        // client ids, topics, filters, properties MQTT forbids
  } left_out;

  /// "3 sessions, 4 subscriptions, 5 retained and 6 queued messages, 0 QoS 2 messages ...".
  [[nodiscard]] std::string counts() const;
  /// "2 expired sessions, 1 ..."; empty if nothing was left out.
  [[nodiscard]] std::string left_out_counts() const;
};

/// Imports the whole content of a Mosquitto file into a store, in one transaction: all or nothing.
///
/// Shape      The file is read twice: first to check all of it and to collect the references to
///            each message; then rows are written. It is read a third time in between if clients
///            had sent QoS 2 messages that Mosquitto was to forward at PUBREL: darter forwards at
///            PUBLISH, so these go to their receivers now, and the packet identifiers are kept.
/// Invariant  The store's content is newer: its sessions and retained topics stay.
/// Errors     One sentence. Nothing was imported then.
/// Cost       About 100 bytes of memory for each session, and 32 for each message.
class MosquittoImport {
 public:
  /// The note in the store that tells when and from where.
  static constexpr std::string_view note_name = "imported from mosquitto";

  MosquittoImport(Store& store, MosquittoDb& db, ImportOptions options);
  ~MosquittoImport();
  MosquittoImport(const MosquittoImport&) = delete;
  MosquittoImport& operator=(const MosquittoImport&) = delete;

  /// To be called once.
  [[nodiscard]] std::expected<Imported, std::string> run();

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace persistence
