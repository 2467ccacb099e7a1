// transport/tls_tickets.h
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>

namespace transport {

/// The keys that session tickets are sealed with: a new one every hour.
///
/// Shape      The newest seals; the one before opens too, so that a ticket is good for one to two
///            hours. Older keys are wiped: a thief of the next key cannot read data that was sent
///            under them.
/// Lifetime   One per TlsContext: a ticket is worth nothing to a context made by a reload, so that
///            a client with a revoked certificate cannot resume its session past the new list.
/// Threads    Any.
class TicketKeys {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::size_t name_bytes = 16;
  struct Key {
    std::array<unsigned char, name_bytes> name;  // stands in the ticket, in the open
    std::array<unsigned char, 32> cipher;        // AES-256-CBC
    std::array<unsigned char, 32> mac;           // HMAC-SHA-256
  };
  static constexpr std::chrono::seconds lifetime{3600};

  TicketKeys() = default;
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  /// The key to seal a ticket with. Nothing: the system gives no random bytes.
  [[nodiscard]] std::optional<Key> newest(Clock::time_point now);

  struct Found {
    Key key;
    bool renew;  // it is not the newest: the client gets a new ticket
  };
  /// The key of that name (name_bytes long), if it still opens tickets.
  [[nodiscard]] std::optional<Found> find(const unsigned char* name, Clock::time_point now);

 private:
  [[nodiscard]] bool rotate(Clock::time_point now);

  struct Made {
    Key key{};
    Clock::time_point at;
  };
  std::mutex mutex_;  // guards the members below
  std::optional<Made> newest_;
  std::optional<Made> previous_;
};

}  // namespace transport
