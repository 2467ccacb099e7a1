#include "test/vectors/session_images.h"

#include <cstdint>
#include <string_view>

#include "test/vectors/peer_messages.h"

namespace vectors {
namespace {

std::string octet(unsigned value) { return std::string(1, static_cast<char>(value)); }
const std::string absent = octet(0);
const std::string present = octet(1);

std::string session_message(unsigned qos, std::string_view payload) {
  return octet(qos) + octet(0) + long_text("t/a") + long_text("") + long_text(payload) + absent +
         le64(0);
}

/// A delivery that came by no shared subscription, without identifiers.
std::string session_delivery(std::uint64_t number, unsigned qos, const std::string& message) {
  return le64(number) + message + le32(0) + long_text("") + long_text("") + octet(qos) + octet(0);
}

/// The fields up to `last_address`.
std::string session_head(unsigned version, unsigned expiry) {
  return octet(1) + long_text("client") + long_text("user") + long_text("") + le16(0) +
         octet(version) + octet(0) + le32(expiry) + absent + long_text("");
}

/// Of a client that is away, and has nothing.
std::string small_session() {
  return session_head(4, 0xFFFF'FFFF) + absent + le32(0) + le32(0) + le32(0) + le64(0) + le32(0) +
         le32(0) + absent;
}

}  // namespace

std::string full_session() {
  const std::string will =
      present + session_message(1, "gone") + le32(30) + present + le32(60) + present + le64(5'000);
  const std::string subscriptions = le32(2) + long_text("") + long_text("t/+") + le32(7) +
                                    octet(2) + octet(1) + octet(0) + long_text("share") +
                                    long_text("s/#") + le32(0) + octet(1) + octet(0) + octet(1);
  const std::string shared = le64(9) + present + session_message(1, "shared") + le32(1) + le32(7) +
                             long_text("share") + long_text("s/#") + octet(1) + octet(0);
  const std::string window =
      le32(4) + session_delivery(5, 1, present + session_message(1, "one")) + octet(2) + octet(1) +
      session_delivery(7, 2, present + session_message(2, "two")) + octet(3) + octet(1) +
      session_delivery(8, 2, absent) + octet(5) + octet(1) + shared + octet(1) + octet(1);
  const std::string backlog = le32(2) +
                              session_delivery(10, 1, present + session_message(1, "next")) +
                              session_delivery(12, 0, present + session_message(0, "low"));
  const std::string unsent = le32(1) + session_delivery(0, 0, present + session_message(0, "late"));
  const std::string incoming = le32(2) + le16(3) + le16(60'000);
  const std::string promises = le32(100'000) + le16(20) + le16(10) + octet(2) + octet(1);
  const std::string connected = present + long_text("10.0.0.1") + long_text("") + le16(4711) +
                                le16(60) + le16(10) + le16(5) + le32(0) + octet(1) + promises +
                                le32(2) + long_text("") + long_text("b") + le32(1) +
                                long_text("t/a") + long_text("\xC0");
  return session_head(5, 0) + will + subscriptions + window + backlog + le64(13) + unsent +
         incoming + connected;
}

std::vector<std::pair<std::string, std::string>> session_images() {
  return {{"small", small_session()}, {"full", full_session()}};
}

}  // namespace vectors
