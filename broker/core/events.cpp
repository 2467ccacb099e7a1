#include "broker/core/events.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace broker {
namespace {

constexpr std::array<EventText, event_count> texts = {{
    {Event::message, "message", EventEffect::none, "A line that no other event describes.",
     "Read its text."},
    {Event::connection_opened, "connection_opened", EventEffect::none, "A socket was accepted.",
     "Nothing. connection_messages false leaves such lines out."},
    {Event::client_connected, "client_connected", EventEffect::none,
     "A client logged in and has a session.", "Nothing."},
    {Event::client_disconnected, "client_disconnected", EventEffect::none,
     "A client ended its connection with DISCONNECT.", "Nothing."},
    {Event::connection_lost, "connection_lost", EventEffect::disconnects,
     "The connection of a client ended without DISCONNECT; its will is published.",
     "Often a weak network. If connections end after the same number of seconds, look at "
     "time-outs of proxies and firewalls in between, and shorten the keep alive of the client."},
    {Event::session_expired, "session_expired", EventEffect::none,
     "The session of a client that stayed away is over, with its queued messages.",
     "A longer session expiry interval of the client, or persistent_client_expiration, keeps it "
     "for longer."},
    {Event::session_forgotten, "session_forgotten", EventEffect::disconnects,
     "An administrator removed the session of a client.", "Nothing."},
    {Event::connection_refused, "connection_refused", EventEffect::refuses,
     "A limit on connections is reached: of the listener, the broker, or one address.",
     "The line names the limit. Raise the option of that name if the clients are wanted; else "
     "look for a client that reconnects all the time."},
    {Event::connect_refused, "connect_refused", EventEffect::refuses,
     "A CONNECT is malformed, or asks for a thing that the broker does not allow.",
     "The line names the cause; correct the client, or the option that it names."},
    {Event::handshake_timeout, "handshake_timeout", EventEffect::refuses,
     "A connection did not send its CONNECT, or a handshake before it, in time.",
     "Port scanners and health checks cause this. If real clients do, raise handshake_timeout or "
     "look at their network."},
    {Event::tls_handshake_failed, "tls_handshake_failed", EventEffect::refuses,
     "A TLS handshake failed.",
     "The line has the cause that TLS gives: an unknown CA, a certificate that is not valid, or "
     "a version of TLS that one side does not have. Compare cafile, certfile and tls_version "
     "with the client's."},
    {Event::proxy_header_refused, "proxy_header_refused", EventEffect::refuses,
     "A connection began without a valid PROXY protocol header.",
     "Make the proxy send the header, or take enable_proxy_protocol out of the listener."},
    {Event::untrusted_proxy, "untrusted_proxy", EventEffect::refuses,
     "A listener for proxies was reached from an address that is not among its trusted_proxies.",
     "Add the address to trusted_proxies if it is a proxy of yours; else close the port to "
     "others."},
    {Event::websocket_refused, "websocket_refused", EventEffect::refuses,
     "An HTTP request for a WebSocket or a file was refused.",
     "The line has the status and the cause. Origins: websockets_origin. Paths: http_path of the "
     "listener."},
    {Event::http_request_refused, "http_request_refused", EventEffect::refuses,
     "A request to the status page or the HTTP API was refused.",
     "The line has the status and the cause. 401 before each first login is normal."},
    {Event::http_answer_timeout, "http_answer_timeout", EventEffect::disconnects,
     "A client did not read the answer to its HTTP request in time.",
     "Look at the network of the client."},
    {Event::login_failed, "login_failed", EventEffect::refuses,
     "The user name or the password is wrong, or none was given where one is asked for.",
     "Compare the client with the password file, and see allow_anonymous. Many of one address "
     "are an attack: max_login_failures bans it, and so does fail2ban."},
    {Event::login_unanswered, "login_unanswered", EventEffect::refuses,
     "A login was not judged: the broker was busy, or its address is banned.",
     "If the address is banned, see `darter bans`. If the broker is busy, many clients log in at "
     "once; they come again."},
    {Event::address_banned, "address_banned", EventEffect::bans,
     "An address had too many failed logins and is banned for a while.",
     "`darter bans` lists the bans, and `darter bans --lift ADDRESS` lifts one. The limits are "
     "max_login_failures, login_failures_time and login_ban_time."},
    {Event::banned_address_refused, "banned_address_refused", EventEffect::refuses,
     "A connection from a banned address was closed.", "As for address_banned."},
    {Event::ban_lifted, "ban_lifted", EventEffect::none,
     "An administrator lifted the ban of an address.", "Nothing."},
    {Event::takeover, "takeover", EventEffect::disconnects,
     "A client with the same client identifier connected, so the earlier connection was closed.",
     "If it happens again and again, two devices have one identifier: give each its own. The "
     "line has both addresses."},
    {Event::keep_alive_timeout, "keep_alive_timeout", EventEffect::disconnects,
     "A client was silent for longer than one and a half times its keep alive.",
     "Look at its network, or at a client that is too busy to send PINGREQ; a longer keep alive "
     "waits for longer."},
    {Event::protocol_error, "protocol_error", EventEffect::disconnects,
     "A client broke the rules of MQTT, WebSocket or HTTP, or speaks another protocol than the "
     "listener.",
     "Correct the client; the line has the rule. If it expects TLS, or none, use the port that "
     "has it."},
    {Event::packet_too_large, "packet_too_large", EventEffect::disconnects,
     "A client sent a packet above max_packet_size.",
     "Raise max_packet_size, or let the client send less at once."},
    {Event::publish_rate_exceeded, "publish_rate_exceeded", EventEffect::disconnects,
     "A client published faster than its listener allows.",
     "Raise max_publish_rate or max_publish_bytes_rate, or set publish_rate_policy delay."},
    {Event::slow_client_disconnected, "slow_client_disconnected", EventEffect::disconnects,
     "The queue of a client was full, and slow_consumer_policy says disconnect.",
     "Let the client read faster or subscribe to less; max_queued_messages and max_queued_bytes "
     "set the limit."},
    {Event::login_withdrawn, "login_withdrawn", EventEffect::disconnects,
     "A reload removed or changed the user of a client that was connected.",
     "Nothing, if the change was meant: the client has to log in again."},
    {Event::disconnected_by_administrator, "disconnected_by_administrator",
     EventEffect::disconnects, "An administrator disconnected a client.",
     "Nothing. The client may connect again; to keep it out, take its user out of the password "
     "file."},
    {Event::memory_limit_refused, "memory_limit_refused", EventEffect::refuses,
     "A client was refused because memory_limit is near.",
     "Raise memory_limit, or look for clients with long queues: `darter clients`."},
    {Event::publish_denied, "publish_denied", EventEffect::drops,
     "A client may not publish to a topic; the message was dropped.",
     "The line names the rule of the ACL file that decided, or that none grants it. `darter acl` "
     "asks the same question of the running broker."},
    {Event::will_denied, "will_denied", EventEffect::drops,
     "A client may not publish its will, which was dropped, or its CONNECT was refused for it.",
     "As for publish_denied."},
    {Event::subscribe_denied, "subscribe_denied", EventEffect::refuses,
     "A client may not subscribe to a filter.",
     "As for publish_denied; the access is subscribe, or read."},
    {Event::delivery_denied, "delivery_denied", EventEffect::drops,
     "A client subscribed to a wide filter and may not read all that it matches; a message was "
     "withheld.",
     "Often that is meant. Else grant read access in the ACL file. A line comes once an hour for "
     "each client; $SYS/broker/denied/receive has the number."},
    {Event::subscription_limit, "subscription_limit", EventEffect::refuses,
     "A client may not subscribe to more.",
     "Raise max_subscriptions, or memory_limit, if the client needs that many; one filter with a "
     "wildcard is often enough."},
    {Event::publish_too_large, "publish_too_large", EventEffect::drops,
     "A message above message_size_limit was dropped.",
     "Raise message_size_limit, or let the client send less at once."},
    {Event::publish_delayed, "publish_delayed", EventEffect::none,
     "A client publishes faster than its listener allows and is not read for a while.",
     "Raise max_publish_rate or max_publish_bytes_rate if the client is meant to be so fast."},
    {Event::message_dropped, "message_dropped", EventEffect::drops,
     "Messages for a client were dropped; the line has the reason.",
     "queue_full and slow_socket: the client reads too slowly, see max_queued_messages. expired: "
     "by their Message Expiry Interval. too_large: by the client's Maximum Packet Size. "
     "memory_limit: raise it. `darter clients` shows queues."},
    {Event::client_blocked, "client_blocked", EventEffect::none,
     "A client does not acknowledge a message, and others wait behind it.",
     "Look at the client: it hangs, or acknowledges out of order. The line has the packet "
     "identifier."},
    {Event::forwarded_header_invalid, "forwarded_header_invalid", EventEffect::none,
     "A trusted proxy sent a header field that names no client, so the proxy counts as the "
     "client.",
     "Correct the proxy, or name the header field that it writes with real_ip_header."},
    {Event::forwarded_header_untrusted, "forwarded_header_untrusted", EventEffect::none,
     "A peer that is not among the trusted_proxies sent the header field of a proxy.",
     "If it is a proxy of yours, add it to trusted_proxies: limits and bans count all of its "
     "clients as one until then."},
    {Event::proxy_cuts_connections, "proxy_cuts_connections", EventEffect::none,
     "Connections through a proxy end after the same number of seconds each.",
     "Raise the proxy's time-out (nginx: proxy_read_timeout), or set websockets_ping_interval."},
    {Event::websocket_request_defect, "websocket_request_defect", EventEffect::none,
     "A WebSocket request was accepted in spite of defects.",
     "Correct the client or the proxy before the defect matters."},
    {Event::broker_starting, "broker_starting", EventEffect::none, "The broker starts.",
     "Nothing."},
    {Event::broker_running, "broker_running", EventEffect::none, "The broker serves clients.",
     "Nothing."},
    {Event::broker_stopping, "broker_stopping", EventEffect::none, "The broker ends, on a signal.",
     "Nothing."},
    {Event::start_failed, "start_failed", EventEffect::none, "The broker could not start.",
     "The line has the cause. `darter doctor` looks for others."},
    {Event::configuration_warning, "configuration_warning", EventEffect::none,
     "The configuration has a part that may not be meant.",
     "The line has file, line and what to write."},
    {Event::listener_opened, "listener_opened", EventEffect::none,
     "A listener accepts connections.", "Nothing."},
    {Event::listener_failed, "listener_failed", EventEffect::none,
     "A listener could not be opened or changed as configured.",
     "The line has the cause; often another program has the port."},
    {Event::reload_done, "reload_done", EventEffect::none,
     "The configuration was read again; the lines say what changed.",
     "Nothing. Options that need a restart are named."},
    {Event::reload_refused, "reload_refused", EventEffect::none,
     "The configuration was read again and has a fault; nothing has changed.",
     "Correct the line that is named. `darter --test-config` checks a file without a reload."},
    {Event::certificate_warning, "certificate_warning", EventEffect::none,
     "A certificate ends soon, or a key is not safe.",
     "Renew the certificate; it is taken over when the file changes, if tls_reload_interval is "
     "set, or by a reload."},
    {Event::certificates_renewed, "certificates_renewed", EventEffect::none,
     "Certificates changed on disk and are in use.", "Nothing."},
    {Event::certificates_refused, "certificates_refused", EventEffect::none,
     "Certificates changed on disk and cannot be used; the old ones stay.",
     "The line has the cause. Often a key and its certificate were not written together: write "
     "both, then reload."},
    {Event::file_descriptors_exhausted, "file_descriptors_exhausted", EventEffect::refuses,
     "The limit of open files is reached: connections wait until others close.",
     "Raise LimitNOFILE of the service; `darter doctor` names the limit."},
    {Event::memory_limit_near, "memory_limit_near", EventEffect::refuses,
     "Memory in use is near memory_limit: new clients, and messages that would have to be kept, "
     "are refused.",
     "Raise memory_limit, or look for long queues with `darter clients`."},
    {Event::memory_limit_over, "memory_limit_over", EventEffect::none,
     "Memory in use is below memory_limit again.", "Nothing."},
    {Event::event_loop_silent, "event_loop_silent", EventEffect::none,
     "A thread of the broker has not answered for a while.",
     "The machine has too little CPU time, or the process was stopped. If it comes again, report "
     "it with the log."},
    {Event::administrator_action, "administrator_action", EventEffect::none,
     "An administrator logged in or out, or changed something through the HTTP API.", "Nothing."},
    {Event::lines_held_back, "lines_held_back", EventEffect::none,
     "Lines of one kind came too fast; the others were counted.",
     "The line has the number, and the last one of its kind."},
    {Event::log_lines_dropped, "log_lines_dropped", EventEffect::drops,
     "Lines were dropped because a destination of the log was not read in time.",
     "Look at the disk, the pipe or the log daemon; $SYS/broker/log/dropped counts them."},
    {Event::log_file_unwritable, "log_file_unwritable", EventEffect::none,
     "A log file could not be opened.",
     "Look at the rights of its folder; after a rotation the broker opens the file by its name."},
    {Event::store_loading, "store_loading", EventEffect::none, "The store is read at the start.",
     "Nothing."},
    {Event::store_unwritable, "store_unwritable", EventEffect::none,
     "The store cannot be written: acknowledgements wait until it can.",
     "The line has the cause; often the disk is full. Nothing that was acknowledged is lost."},
    {Event::store_writable, "store_writable", EventEffect::none, "The store can be written again.",
     "Nothing."},
    {Event::store_damaged, "store_damaged", EventEffect::drops,
     "Rows of the store are damaged and were left out.",
     "Look at the disk. A backup made with `darter --backup` has them as they were."},
    {Event::store_set_aside, "store_set_aside", EventEffect::drops,
     "The store was damaged or did not fit its log, so a file was set aside.",
     "The line has the name of the file. A backup made with `darter --backup` can be restored in "
     "its place."},
    {Event::store_renewal, "store_renewal", EventEffect::none,
     "The store lost its files and is written anew from memory.",
     "Look for what removed them; nothing is lost while the broker runs on."},
    {Event::store_import, "store_import", EventEffect::none,
     "State of Mosquitto was, or was not, brought into the store.",
     "The line says which. `darter --import` brings a file in later."},
    {Event::clock_changed, "clock_changed", EventEffect::none,
     "The system's clock was set, or cannot be trusted; expiry times were corrected.",
     "Look at the time service of the machine."},
    {Event::bridge_connecting, "bridge_connecting", EventEffect::none,
     "A bridge connects to the other broker.", "Nothing."},
    {Event::bridge_connected, "bridge_connected", EventEffect::none, "A bridge is connected.",
     "Nothing."},
    {Event::bridge_lost, "bridge_lost", EventEffect::disconnects,
     "A bridge lost its connection, or could not make one; it tries again.",
     "The line has the cause: address, network, TLS, or a login that the other broker refuses."},
    {Event::bridge_refused, "bridge_refused", EventEffect::refuses,
     "A broker refuses a subscription of a bridge.",
     "Grant the bridge's user read access to the topics, at the broker that the line names."},
    {Event::cluster_connected, "cluster_connected", EventEffect::none,
     "This node has a connection to NATS, or is a member of its cluster from here on.", "Nothing."},
    {Event::cluster_disconnected, "cluster_disconnected", EventEffect::none,
     "This node lost its connection to NATS: its own clients are served, messages to other nodes "
     "wait, and those of others are lost, until it is back.",
     "Look at nats-server and the network; the node tries all servers of cluster_url for ever."},
    {Event::cluster_link_failed, "cluster_link_failed", EventEffect::none,
     "A connection to NATS could not be made, or NATS reports an error of it.",
     "The line has the cause: address, network, TLS, or a login that NATS refuses."},
    {Event::cluster_bucket_failed, "cluster_bucket_failed", EventEffect::none,
     "The bucket with the records of the nodes cannot be read or written.",
     "JetStream has to be enabled in nats-server, and most of its servers have to run; "
     "cluster_replicas is at most their number."},
    {Event::cluster_node_joined, "cluster_node_joined", EventEffect::none,
     "Another node is a member of the cluster, or came back.", "Nothing."},
    {Event::cluster_node_left, "cluster_node_left", EventEffect::none,
     "Another node has left the cluster, or was silent for so long that it counts as dead.",
     "If nobody stopped that node, look at its log and at its connection to NATS."},
    {Event::cluster_name_taken, "cluster_name_taken", EventEffect::none,
     "Another broker is in the cluster under the name of this node, which stays outside until "
     "the other one ends.",
     "Give each node a name of its own with cluster_node."},
    {Event::cluster_record_refused, "cluster_record_refused", EventEffect::none,
     "A record of another node is not in the form of this version, so it is left out of account.",
     "Run nodes of neighbouring versions, and let nothing else write to the bucket."},
    {Event::cluster_filters_shortened, "cluster_filters_shortened", EventEffect::none,
     "This node has more topic filters than it tells the others one by one: it tells prefixes of "
     "them and gets more messages than its clients want, or has some filters left out.",
     "Nothing, while the traffic is low. Filters that begin with the same levels need few "
     "prefixes; those with many first levels that begin with '$' are left out."},
    {Event::cluster_message_dropped, "cluster_message_dropped", EventEffect::drops,
     "Messages between nodes were dropped; the line has the reason.",
     "Too large: raise max_payload of nats-server. Queue full: NATS or the network is too slow. "
     "Another form: nodes of different versions."},
}};

constexpr bool are_in_order() {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].event != static_cast<Event>(i)) return false;
  }
  return true;
}
static_assert(are_in_order());

}  // namespace

std::span<const EventText> event_texts() noexcept { return texts; }

const EventText& text_of(Event event) noexcept {
  assert(event < Event::count);
  return texts[static_cast<std::size_t>(event)];
}

std::optional<Event> event_of(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(texts, name, &EventText::name);
  if (found == texts.end()) return std::nullopt;
  return found->event;
}

std::string_view name_of(EventEffect effect) noexcept {
  switch (effect) {
    case EventEffect::refuses:
      return "refuses";
    case EventEffect::drops:
      return "drops";
    case EventEffect::bans:
      return "bans";
    case EventEffect::disconnects:
      return "disconnects";
    case EventEffect::none:
      break;
  }
  return {};
}

}  // namespace broker
