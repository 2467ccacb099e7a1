// Addresses: the part of Connections that learns a client's real address, from the socket,
// from a PROXY protocol header, or from the header fields of a proxy for WebSockets.

#include <string>
#include <utility>

#include "transport/connections.h"
#include "transport/loop.h"

namespace transport {

/// Whether a listener with PROXY protocol takes the word of that peer.
bool Connections::may_call(Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  if (!options.only_trusted_proxies || options.trusted_proxies.contains(connection.address)) {
    return true;
  }
  note(connection, "Connection from ",
       " on " + connection.listener->name() + " closed: it is none of the trusted_proxies.");
  return false;
}

/// Whether the client's address stands in the HTTP request that is to come.
bool Connections::asks_proxies(const Connection& connection) const {
  const ListenerOptions& options = connection.listener->options();
  return options.protocol == Protocol::websockets &&
         options.trusted_proxies.contains(connection.address);
}

/// The client's real address is final: called once for each connection, before the shard learns of
/// it. `route` names the proxies on its way. Returns false if the connection was refused.
bool Connections::arrived(Connection& connection, std::string_view route) {
  if (!admit(connection)) return false;
  if (loop_.options().connection_messages && loop_.log().enabled(broker::LogType::notice)) {
    note(connection, "New connection from ",
         " on " + connection.listener->name() + std::string(route) + ".");
  }
  return true;
}

/// The stage of a PROXY protocol header.
Connections::Bytes Connections::read_proxy_header(Connection& connection, Bytes bytes) {
  if (connection.state != State::proxy_header) return bytes;
  const auto [progress, used] = connection.proxy->read(bytes);
  switch (progress) {
    case ProxyStage::Progress::incomplete:
      return {};
    case ProxyStage::Progress::refused:
      note(connection, "Connection from ",
           " on " + connection.listener->name() +
               " closed: PROXY protocol header: " + connection.proxy->why() + ".");
      destroy(connection);
      return {};
    case ProxyStage::Progress::complete:
      break;
  }
  take_proxy_header(connection);
  return bytes.subspan(used);
}

void Connections::take_proxy_header(Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  const ProxyHeader& header = connection.proxy->header();
  const std::string route = " through " + connection.address.text_with_port() + " (" +
                            connection.proxy->description() + ")";
  if (header.source) connection.address = *header.source;
  connection.through_proxy = true;
  change(connection, options.tls ? State::tls_due : State::http_request);
  if (!asks_proxies(connection) && !arrived(connection, route)) return;
  if (options.protocol == Protocol::mqtt && !options.tls) introduce(connection);
}

/// Takes the client's address out of a request that a trusted proxy sent. Returns false if it was
/// turned away.
bool Connections::learn_address(Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  const HttpRequest& request = connection.opening->request();
  if (!asks_proxies(connection)) {
    note_stranger(connection);
    return true;
  }
  connection.through_proxy = true;
  const FieldSet written =
      loop_.proxies().always(options.index, connection.address, fields_in(request));
  const Forwarded found =
      forwarded_for(request, options.real_ip_header, options.trusted_proxies, written);
  std::string route;
  if (found.kind == Forwarded::Kind::known) {
    route = " through " + connection.address.text_with_port() + " (" + std::string(found.field);
    connection.address = found.address;
  } else if (found.kind != Forwarded::Kind::absent) {
    lines_.bad_forwarded(connection, found, loop_.now());
  }
  if (const std::string_view id = request_id_of(request); !id.empty()) {
    route += (route.empty() ? " (" : ", ") + ("request id " + std::string(id));
  }
  return arrived(connection, route.empty() ? route : route + ")");
}

/// A peer that no one trusts may be a proxy all the same: its request names a client.
void Connections::note_stranger(Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  const Forwarded found =
      forwarded_for(connection.opening->request(), options.real_ip_header, options.trusted_proxies);
  if (found.kind == Forwarded::Kind::absent) return;
  connection.through_proxy = true;
  // Behind a PROXY header the address is the client's: a field that it writes itself does not
  // count.
  if (connection.proxy != nullptr) return;
  if (!loop_.proxies().is_new_stranger(options.index, connection.address)) return;
  lines_.stranger(connection, found.field);
}

}  // namespace transport
