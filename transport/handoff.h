// transport/handoff.h
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "transport/admission.h"
#include "transport/connection_trace.h"
#include "transport/descriptor.h"
#include "transport/listener.h"
#include "transport/peer_address.h"
#include "transport/proxy_stage.h"
#include "transport/tls.h"
#include "transport/websocket.h"

namespace transport {

/// A connection as a value, on its way to the loop where its client is at home.
///
/// Shape      `unread` are the MQTT bytes that no shard has used, then the bytes that the WebSocket
///            still holds of an unfinished frame, then those that TLS holds of an unfinished
///            record.
/// Lifetime   Dropping it closes the connection. It stays counted meanwhile.
struct Handoff {
  Descriptor socket;
  std::shared_ptr<Listener> listener;
  PeerAddress address;
  bool through_proxy = false;  // see Connection
  std::unique_ptr<ProxyStage> proxy;
  ConnectionCharge charge;
  std::unique_ptr<TlsFilter> tls;
  std::unique_ptr<WebSocketReader> websocket;
  std::unique_ptr<ConnectionTrace> trace;
  std::vector<std::byte> unread;
};

}  // namespace transport
