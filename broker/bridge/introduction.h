#pragma once

#include <cstddef>

#include "broker/bridge/options.h"
#include "broker/bridge/topic_map.h"
#include "broker/client/client.h"
#include "broker/core/ids.h"
#include "broker/wire/protocol.h"
#include "broker/wire/subscribe.h"

namespace bridge {

using broker::Instant;

/// The packets that a bridge sends first on a new connection at either end: subscriptions, the end
/// of those of an earlier configuration, and the notification that it is connected.
///
/// Lifetime   Options, map and clients outlive it.
/// Threads    None.
class Introduction final {
 public:
  Introduction(const Options& options, const TopicMap& map, client::Client& remote,
               client::Client& local) noexcept
      : options_(options), map_(map), remote_(remote), local_(local) {}
  Introduction(const Introduction&) = delete;
  Introduction& operator=(const Introduction&) = delete;

  /// Subscribes at this broker, to make the session there, before the other broker is known.
  ///
  /// Returns   Whether answers will come. If none will, the session is ready.
  [[nodiscard]] bool prepare_here(Instant now);
  /// An answer of this broker to prepare_here() has come. Returns whether it is the last one.
  [[nodiscard]] bool prepared_here() noexcept;
  /// Awaits no more answers: the connection has ended.
  void forget_answers() noexcept { answers_due_ = 0; }

  /// Subscribes at this broker, with no higher QoS than the other broker has.
  ///
  /// Requires  The other broker has accepted.
  void subscribe_here(Instant now) const;
  /// Subscribes at the other broker.
  void subscribe_there(Instant now) const;
  /// Says "1" at this broker, or at the other one.
  void notify_here(Instant now) const;
  void notify_there(Instant now) const;

 private:
  /// Returns the number of answers that will come.
  [[nodiscard]] std::size_t subscribe_local(mqtt::RetainHandling retained, mqtt::Qos qos_max,
                                            Instant now) const;
  void notify(client::Client& client, mqtt::Qos qos, bool retain, Instant now) const;

  const Options& options_;
  const TopicMap& map_;
  client::Client& remote_;
  client::Client& local_;
  std::size_t answers_due_ = 0;  // to prepare_here()
};

}  // namespace bridge
