#include "test/persistence/mosquitto_file.h"

#include <cstdio>

namespace test {
namespace {

std::string big(std::uint64_t value, std::size_t size_bytes) {
  std::string text;
  for (std::size_t i = size_bytes; i > 0; --i) text += static_cast<char>(value >> (8 * (i - 1)));
  return text;
}

std::string native(std::uint64_t value) {
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string sized(std::string_view text) { return big(text.size(), 2) += text; }

std::string block(std::string_view properties) {
  if (properties.empty()) return {};
  return big(properties.size(), 1) += properties;  // short ones only
}

}  // namespace

MosquittoFile::MosquittoFile(std::uint32_t version) : version_(version) {
  bytes_ = std::string("\0\xB5\0mosquitto db\0\0\0\0", 19) + big(version, 4);
  if (packed()) {
    chunk(1, native(77) + std::string("\1\x08\0\0\0\0\0\0", 8));
  } else {
    chunk(1, std::string("\1\x08", 2) + native(77));
  }
}

MosquittoFile& MosquittoFile::chunk(std::uint32_t kind, std::string_view body) {
  last_chunk_ = bytes_.size();
  bytes_ += big(kind, packed() ? 4 : 2) + big(body.size(), 4);
  bytes_ += body;
  return *this;
}

MosquittoFile& MosquittoFile::add(const Message& message) {
  std::string body = native(message.id);
  const std::string flags = big(message.qos, 1) + big(message.retain ? 1 : 0, 1);
  if (packed()) {
    body += native(static_cast<std::uint64_t>(message.expires_s));
    body += big(message.payload.size(), 4) + big(0, 2) + big(message.client_id.size(), 2) +
            big(message.user_name.size(), 2) + big(message.topic.size(), 2) + big(message.port, 2) +
            flags;
    (body += message.client_id) += message.user_name;
    ((body += message.topic) += message.payload) += block(message.properties);
    return chunk(2, body);
  }
  body += sized(message.client_id);
  if (version_ >= 4) body += sized(message.user_name) + big(message.port, 2);
  body += big(0, 2) + big(0, 2) + sized(message.topic) + flags + big(message.payload.size(), 4);
  return chunk(2, body += message.payload);
}

MosquittoFile& MosquittoFile::add(const Session& session) {
  if (!packed()) {
    return chunk(6, sized(session.client_id) + big(session.last_packet_id, 2) + native(1));
  }
  std::string body = native(static_cast<std::uint64_t>(session.expires_s)) +
                     big(session.expiry_interval_s, 4) + big(session.last_packet_id, 2) +
                     big(session.client_id.size(), 2);
  if (version_ >= 6) body += big(session.port, 2) + big(session.user_name.size(), 2) + big(0, 4);
  body += session.client_id;
  if (version_ >= 6) body += session.user_name;
  return chunk(6, body);
}

MosquittoFile& MosquittoFile::add(const Delivery& delivery) {
  const auto state = static_cast<std::uint8_t>(delivery.state);
  const std::uint8_t direction = delivery.from_client ? 0 : 1;
  if (!packed()) {
    return chunk(3, sized(delivery.client_id) + native(delivery.message_id) +
                        big(delivery.packet_id, 2) + big(delivery.qos, 1) +
                        big(delivery.retain ? 1 : 0, 1) + big(direction, 1) + big(state, 1) +
                        big(delivery.dup ? 1 : 0, 1));
  }
  std::string body = native(delivery.message_id) + big(delivery.packet_id, 2) +
                     big(delivery.client_id.size(), 2) + big(delivery.qos, 1) + big(state, 1) +
                     big((delivery.retain ? 0x10 : 0) | (delivery.dup ? 1 : 0), 1) +
                     big(direction, 1);
  body += delivery.client_id;
  return chunk(3, body += block(delivery.properties));
}

MosquittoFile& MosquittoFile::add(const Subscription& subscription) {
  if (!packed()) {
    return chunk(
        5, sized(subscription.client_id) + sized(subscription.filter) + big(subscription.qos, 1));
  }
  std::string body = big(subscription.identifier, 4) + big(subscription.client_id.size(), 2) +
                     big(subscription.filter.size(), 2) + big(subscription.qos, 1) +
                     big(subscription.options, 1) + big(0, 2);
  (body += subscription.client_id) += subscription.filter;
  return chunk(5, body);
}

MosquittoFile& MosquittoFile::retain(std::uint64_t message_id) {
  return chunk(4, native(message_id));
}

persistence::MosquittoDb::File MosquittoFile::file_of(const std::string& bytes) {
  // A stream cannot be made of no bytes at all.
  if (bytes.empty()) return persistence::MosquittoDb::File(std::fopen("/dev/null", "rb"));
  return persistence::MosquittoDb::File(
      ::fmemopen(const_cast<char*>(bytes.data()), bytes.size(), "rb"));
}

}  // namespace test
