#include "tools/darter-client/advice.h"

#include <string_view>

namespace shell {
namespace {

using transport::LinkFault;

std::string_view advice_on_status(unsigned status) {
  switch (status) {
    case 301:
    case 302:
    case 307:
    case 308:
      return "The server sends WebSockets elsewhere: try --capath /etc/ssl/certs with -p 443, or "
             "another --ws-path.";
    case 400:
    case 426:
      return "The server takes no WebSocket there: try another --ws-path; a proxy in front has to "
             "pass the headers Upgrade and Connection on.";
    case 401:
      return "The server wants a login before MQTT's: try --ws-header 'Authorization: ...'.";
    case 403:
      return "The server may accept some origins alone: try --ws-header 'Origin: "
             "https://THE-SITE'.";
    case 404:
      return "There is no WebSocket at this path: try --ws-path with the path of the server's "
             "configuration, such as /mqtt, /ws or /.";
    case 407:
      return "The proxy wants a login, or another one: --proxy has USER:PASSWORD@ in front of its "
             "HOST.";
    case 502:
    case 503:
    case 504:
      return "The server passes WebSockets on to a broker, and does not reach it: its log says "
             "more.";
    default:
      return "Is this the host and port of a WebSocket? -h, -p and --ws-path say where it is.";
  }
}

/// The server ended the connection in order, without a word of MQTT.
std::string_view advice_on_silence(const Settings& settings, bool has_tls) {
  if (settings.reach.carrier == Carrier::websockets) {
    return "Something else than MQTT may be behind the WebSocket: try another --ws-path.";
  }
  return has_tls ? "The port may want a client's certificate (--cert and --key), or a WebSocket "
                   "(--protocol websockets)."
                 : "The port may want TLS (--capath /etc/ssl/certs or --cafile FILE), or a "
                   "WebSocket (--protocol websockets).";
}

std::string_view advice_on_fault(const transport::LinkEnd& end, const Settings& settings,
                                 bool has_tls) {
  switch (end.fault) {
    case LinkFault::none:
      return advice_on_silence(settings, has_tls);
    case LinkFault::name:
      return settings.reach.uses_srv
                 ? "Check the domain after -h; without -S it is the broker's own name, and -p its "
                   "port."
                 : "Check the name after -h, and that this machine resolves names.";
    case LinkFault::network:
      return "Does the broker run, and listen there? -h and -p say where it is.";
    case LinkFault::timeout:
      return "Check -h and -p; a firewall may drop the packets, or the port may speak another "
             "protocol (TLS: --cafile or --capath; WebSocket: --protocol websockets).";
    case LinkFault::proxy:
      return end.status == 407
                 ? advice_on_status(end.status)
                 : "Check --proxy, and that the proxy allows connections to this port.";
    case LinkFault::tls:
      return "Does the port speak TLS? Without --cafile, --capath, --tls-use-os-certs and --psk "
             "the connection is plain.";
    case LinkFault::certificate:
      return "To trust the certificate, give its authority with --cafile FILE (a self-signed one "
             "is its own), or --tls-use-os-certs; -h has to be a name in the certificate; "
             "--insecure is for tests.";
    case LinkFault::http:
      return advice_on_status(end.status);
    case LinkFault::websocket:
      return "Is MQTT behind this WebSocket? Try another --ws-path.";
  }
  return {};
}

}  // namespace

std::string advice_on(const transport::LinkEnd& end, const Settings& settings, bool has_tls) {
  return "Error: " + end.text + "\n" + std::string(advice_on_fault(end, settings, has_tls)) + "\n";
}

std::string advice_on(mqtt::Reason reason, const Settings& settings) {
  using enum mqtt::Reason;
  const bool login = reason == not_authorized || reason == bad_user_name_or_password;
  if (login && !settings.user_name) return "Try -u NAME with --pw-file FILE.\n";
  if (login) return "Check the user's name and password.\n";
  if (reason == client_identifier_not_valid) return "Try another client identifier with -i.\n";
  return {};
}

}  // namespace shell
