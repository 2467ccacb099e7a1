#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/client/client.h"
#include "broker/core/ids.h"

namespace bridge {

/// The packet identifiers that the other broker may hold for a session which is lost here.
///
/// A session of this broker that is new counts its identifiers from the beginning. The other broker
/// may have kept its own session, with identifiers of messages of QoS 2 that were never released:
/// it would take a new message under such an identifier for the old one, and drop it
/// [MQTT-4.3.3-10]. So all identifiers are released before messages cross. PUBCOMP comes for each,
/// whether it was held or not (section 4.3.3).
///
/// Shape      session_made() -> are_in_doubt() -> begin() -> answered() until it returns true
/// Threads    None.
class HeldIds final {
 public:
  /// The session here is there; `is_new`: it was not there before.
  void session_made(bool is_new) noexcept { in_doubt_ = is_new; }
  [[nodiscard]] bool are_in_doubt() const noexcept { return in_doubt_; }
  /// The other broker holds none.
  void forget() noexcept { in_doubt_ = false; }

  /// Begins to release all identifiers on a connection that is new.
  void begin(client::Client& remote, broker::Instant now);
  /// The other broker has answered a PUBREL. Returns whether it has answered all.
  [[nodiscard]] bool answered(client::Client& remote, broker::Instant now);

 private:
  void release_more(client::Client& remote, broker::Instant now);

  std::uint32_t next_ = 0;   // identifier to release
  std::size_t awaited_ = 0;  // answers
  bool in_doubt_ = false;
};

}  // namespace bridge
