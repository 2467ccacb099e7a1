// broker/core/session.h
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/access.h"
#include "broker/core/filter_list.h"
#include "broker/core/heap_text.h"
#include "broker/core/ids.h"
#include "broker/core/incoming_ids.h"
#include "broker/core/membership_list.h"
#include "broker/core/message.h"
#include "broker/core/outgoing.h"
#include "broker/core/retained.h"
#include "broker/core/timer_wheel.h"
#include "broker/core/topic_share.h"
#include "broker/wire/protocol.h"

namespace broker {

struct Connection;

/// Session Expiry Interval that means "never" (section 3.1.2.11.2).
inline constexpr std::uint32_t session_never_expires = 0xFFFF'FFFF;

/// A will, kept until the connection that left it ends (section 3.1.2.5).
struct StoredWill {
  MessageRef message;  // its expiry is set when it is published
  std::uint32_t delay_interval_seconds = 0;
  bool has_expiry = false;
  std::uint32_t message_expiry_interval_seconds = 0;
};

/// The part of a session that exists only while its client is away.
struct Away {
  explicit Away(std::uint8_t expiry_kind, std::uint8_t will_kind, void* session)
      : expiry(expiry_kind, session), will_delay(will_kind, session) {}
  Timer expiry;
  Timer will_delay;
  HeapText address;  // of its last connection; kept only where permissions name it, or for a will
};

/// The broker's state of a client (section 4.1): outlives the connection if the client asked for
/// that.
///
/// Invariant  `connection` is null while the client is away; `away` then holds the timers.
/// Lifetime   Owned by the SessionTable; `index` may be used again afterwards, `number` is not.
struct Session {
  Session(SessionIndex session_index, std::uint64_t session_number, std::string_view id,
          Queued& sum)
      : index(session_index), number(session_number), queued(&sum), client_id(id) {}

  SessionIndex index;
  std::uint32_t expiry_interval_seconds = 0;
  std::uint64_t number;
  Queued* queued;  // counts its waiting messages, too
  HeapText client_id;
  HeapText user_name;
  HeapText mount_point;
  std::shared_ptr<const Permissions> permissions;  // null: everything is allowed
  std::shared_ptr<const Publisher> publisher;      // made when first needed
  Connection* connection = nullptr;
  FilterList subscriptions;
  std::unique_ptr<MembershipList> memberships;  // null: none
  std::unique_ptr<Outgoing> outgoing;
  std::unique_ptr<IncomingIds> incoming;  // between PUBLISH and PUBREL; null: none yet
  std::unique_ptr<StoredWill> will;
  std::unique_ptr<Away> away;
  const TopicShare* topic_share = nullptr;  // null: it takes all that its subscriptions match
  SessionKey key{0};                        // in the store; 0: it has not been noted there
  std::uint16_t listener = 0;
  mqtt::Version version = mqtt::Version::v5_0;
  bool from_bridge = false;
  std::uint8_t unstored = 0;  // Ledger::Part bits: parts that changed since the last batch
  enum class End : std::uint8_t {
    none,
    due,    ///< nothing may be delivered any more; it ends in a later turn
    begun,  ///< no client can find it; its subscriptions are being removed
  };
  End end = End::none;
  bool announcing = false;      // its groups are being told whether its client is connected
  bool announce_again = false;  // and that changed meanwhile

  /// Does it outlive its connection?
  [[nodiscard]] bool persistent() const noexcept { return expiry_interval_seconds > 0; }
  /// Whether a message that one of its subscriptions matches is for this session.
  [[nodiscard]] bool takes(std::string_view topic) const {
    return topic_share == nullptr || topic_share->takes(topic);
  }
  [[nodiscard]] Outgoing& outgoing_part() {
    if (!outgoing) outgoing = std::make_unique<Outgoing>(*queued);
    return *outgoing;
  }
};

}  // namespace broker
