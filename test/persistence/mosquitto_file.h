#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "persistence/mosquitto_db.h"

namespace test {

/// A persistence file of Mosquitto, of any version, put together field by field as
/// persistence/mosquitto_db.md draws it.
class MosquittoFile {
 public:
  using State = persistence::MosquittoDb::State;

  struct Message {
    std::uint64_t id = 1;
    std::string_view topic = "t";
    std::string_view payload = "p";
    std::uint8_t qos = 1;
    bool retain = false;
    std::int64_t expires_s = 0;
    std::string_view client_id = "publisher";
    std::string_view user_name = {};
    std::uint16_t port = 1883;
    std::string_view properties = {};  // without the length
  };
  struct Session {
    std::string_view client_id = "c";
    std::string_view user_name = {};
    std::uint16_t port = 1883;
    std::uint16_t last_packet_id = 0;
    std::uint32_t expiry_interval_s = persistence::MosquittoDb::never_expires;
    std::int64_t expires_s = 0;
  };
  struct Delivery {
    std::string_view client_id = "c";
    std::uint64_t message_id = 1;
    std::uint16_t packet_id = 0;
    std::uint8_t qos = 1;
    State state = State::queued;
    bool from_client = false;
    bool retain = false;
    bool dup = false;
    std::string_view properties = {};
  };
  struct Subscription {
    std::string_view client_id = "c";
    std::string_view filter = "#";
    std::uint8_t qos = 1;
    std::uint32_t identifier = 0;
    std::uint8_t options = 0;  // 4: no local, 8: retain as published
  };

  /// A header and the configuration.
  explicit MosquittoFile(std::uint32_t version);

  MosquittoFile& add(const Message& message);
  MosquittoFile& add(const Session& session);
  MosquittoFile& add(const Delivery& delivery);
  MosquittoFile& add(const Subscription& subscription);
  MosquittoFile& retain(std::uint64_t message_id);
  /// A chunk of any kind with any content.
  MosquittoFile& chunk(std::uint32_t kind, std::string_view body);

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  /// Where the last chunk begins.
  [[nodiscard]] std::size_t last_chunk() const noexcept { return last_chunk_; }

  /// Bytes as a file that can be read; they must live as long.
  [[nodiscard]] static persistence::MosquittoDb::File file_of(const std::string& bytes);

 private:
  [[nodiscard]] bool packed() const noexcept { return version_ >= 5; }

  std::uint32_t version_;
  std::string bytes_;
  std::size_t last_chunk_ = 0;
};

}  // namespace test
