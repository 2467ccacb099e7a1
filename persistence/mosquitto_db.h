// persistence/mosquitto_db.h
#pragma once

#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/wire/bytes.h"

namespace persistence {

/// A fault in a file of Mosquitto, and its place.
struct MosquittoDamage {
  std::uint64_t offset = 0;  // of the first byte that is not as it should be
  std::string what;          // "expected ..., found ..."

  /// "damaged at byte 40: expected ..., found ...".
  [[nodiscard]] std::string sentence() const;
};

/// Reads the file in which Mosquitto keeps its state, chunk by chunk.
///
/// Shape      persistence/mosquitto_db.md draws the bytes: a header, then chunks of six kinds.
///            Versions 3 and 4 write each field by itself, 5 and 6 blocks of fixed size.
/// Lifetime   Texts and bytes of a chunk are good until the next one is read.
/// Errors     As values. No length is trusted: each is checked against the bytes left in its chunk,
///            and the chunk's against the bytes left in the file.
/// Cost       Memory for one chunk.
class MosquittoDb {
 public:
  struct Configuration {
    std::uint64_t last_message_id = 0;
    bool at_shutdown = false;  // else written while the broker ran on
  };

  /// A message that deliveries and retained topics refer to by its id.
  struct Message {
    std::uint64_t id = 0;
    std::int64_t expires_s = 0;       // seconds since 1970; 0: never
    std::string_view client_id;       // of the publisher; empty: the broker itself
    std::string_view user_name;       // since version 4
    std::uint16_t listener_port = 0;  // where the publisher was; 0: not known
    std::string_view topic;
    mqtt::Bytes payload;
    mqtt::Bytes properties;  // the block of the PUBLISH, without its length
    std::uint8_t qos = 0;
    bool retain = false;
  };

  static constexpr std::uint32_t never_expires = UINT32_MAX;

  struct Session {
    std::string_view client_id;
    std::string_view user_name;       // since version 6
    std::uint16_t listener_port = 0;  // since version 6
    std::uint16_t last_packet_id = 0;
    std::uint32_t expiry_interval_s = never_expires;  // before version 5: never
    std::int64_t expires_s = 0;  // seconds since 1970; 0: was connected, or never
  };

  /// How far the packets of a delivery have gone; the numbers are the file's.
  enum class State : std::uint8_t {
    invalid = 0,
    publish_qos0 = 1,
    publish_qos1 = 2,
    wait_for_puback = 3,
    publish_qos2 = 4,
    wait_for_pubrec = 5,
    resend_pubrel = 6,
    wait_for_pubrel = 7,
    resend_pubcomp = 8,
    wait_for_pubcomp = 9,
    send_pubrec = 10,
    queued = 11,
  };

  /// A message on its way to a client or, `from_client`, one of QoS 2 on its way from it.
  struct Delivery {
    std::string_view client_id;
    std::uint64_t message_id = 0;
    std::uint16_t packet_id = 0;
    std::uint8_t qos = 0;
    State state = State::invalid;
    bool from_client = false;
    bool retain = false;
    bool dup = false;        // it has been sent before
    mqtt::Bytes properties;  // subscription identifiers, in a block without its length
  };

  struct Subscription {
    std::string_view client_id;
    std::string_view filter;  // with $share/NAME/ in front if it is shared
    std::uint32_t identifier = 0;
    std::uint8_t qos = 0;
    bool no_local = false;
    bool retain_as_published = false;
  };

  /// The message is the retained one of its topic.
  struct Retained {
    std::uint64_t message_id = 0;
  };

  using Chunk = std::variant<Configuration, Message, Session, Delivery, Subscription, Retained>;
  template <typename T>
  using Read = std::expected<T, MosquittoDamage>;

  static constexpr std::uint32_t version_min = 3;
  static constexpr std::uint32_t version_max = 6;

  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  /// Reads the header of a file that can be sought in.
  [[nodiscard]] static Read<MosquittoDb> open(File file);

  [[nodiscard]] std::uint32_t version() const noexcept { return version_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  /// Where the next chunk begins.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

  /// The next chunk; nothing behind the last.
  [[nodiscard]] Read<std::optional<Chunk>> next();
  /// Goes back to the first chunk.
  [[nodiscard]] Read<void> rewind();

 private:
  class Fields;

  /// The fixed part of a chunk: its kind, and how many bytes follow.
  struct Head {
    std::uint32_t kind = 0;
    std::uint32_t size_bytes = 0;
  };

  MosquittoDb() = default;
  /// Exactly `count` bytes, good until the next call.
  [[nodiscard]] Read<mqtt::Bytes> take(std::uint64_t count, std::string_view name);
  [[nodiscard]] Read<void> read_header();
  [[nodiscard]] Read<Head> read_head();
  [[nodiscard]] bool packed() const noexcept { return version_ >= 5; }

  [[nodiscard]] Configuration configuration(Fields& fields) const;
  [[nodiscard]] Message message(Fields& fields) const;
  [[nodiscard]] Session session(Fields& fields) const;
  [[nodiscard]] Delivery delivery(Fields& fields) const;
  [[nodiscard]] Subscription subscription(Fields& fields) const;

  File file_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t offset_ = 0;
  std::uint32_t version_ = 0;
  bool begun_ = false;  // the first chunk was read
  std::vector<std::byte> body_;
};

}  // namespace persistence
