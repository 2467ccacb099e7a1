#include "broker/core/blocked_log.h"

#include <utility>

#include "broker/core/client_text.h"
#include "broker/core/connection.h"
#include "broker/core/log_fields.h"
#include "broker/core/text.h"

namespace broker {
namespace {

constexpr std::int64_t look_interval_seconds = 10;
constexpr std::int64_t patience_seconds = 60;
constexpr std::size_t lines_per_look_max = 20;
constexpr std::size_t topic_bytes_max = 200;

}  // namespace

std::string blocking_packet_text(const Session& session) {
  if (session.connection == nullptr || !session.outgoing) return {};
  if (session.outgoing->backlog_size() == 0) return {};
  const Window::Oldest oldest = session.outgoing->window().oldest();
  if (oldest.entry == nullptr) return {};
  const std::string packet =
      concat({"packet ", std::to_string(static_cast<unsigned>(oldest.id)), " (QoS ",
              std::to_string(static_cast<unsigned>(oldest.entry->delivery.qos))});
  const MessageRef& message = oldest.entry->delivery.message;
  if (!message) return concat({packet, "): its PUBREL is not acknowledged"});
  return concat(
      {packet, ", topic '", message->topic().substr(0, topic_bytes_max), "') is not acknowledged"});
}

void BlockedLog::list(Session& session, Instant now) {
  session.outgoing->window_watched = true;
  listed_.push_back(
      {session.index, session.number, session.outgoing->window().oldest().id, now, false});
}

void BlockedLog::tell(SessionTable& sessions, Instant now) {
  if (now < next_) return;
  next_ = after_seconds(now, look_interval_seconds);
  lines_ = 0;
  metrics_.clients_blocked = 0;
  std::vector<Listed> still;
  for (Listed& listed : std::exchange(listed_, {})) {
    Session* const session = sessions.at(listed.index, listed.number);
    if (session == nullptr || !session->outgoing) continue;
    if (look_at(*session, listed, now)) {
      still.push_back(listed);
    } else {
      session->outgoing->window_watched = false;
    }
  }
  listed_ = std::move(still);
}

bool BlockedLog::look_at(Session& session, Listed& listed, Instant now) {
  const std::string blocking = blocking_packet_text(session);
  if (blocking.empty()) return false;
  const mqtt::PacketId oldest = session.outgoing->window().oldest().id;
  if (oldest != std::exchange(listed.oldest, oldest)) {
    listed.since = now;
    listed.told = false;
  }
  if (now < after_seconds(listed.since, patience_seconds)) return true;
  ++metrics_.clients_blocked;
  if (listed.told || lines_ >= lines_per_look_max || !log_.enabled(LogType::notice)) return true;
  listed.told = true;
  ++lines_;
  const std::int64_t seconds = (now.milliseconds - listed.since.milliseconds) / 1000;
  log_.write_event(LogType::notice, fields_of(Event::client_blocked, session),
                   concat({"Client ", describe_client_with_user(*session.connection), " keeps ",
                           std::to_string(session.outgoing->backlog_size()), " messages waiting: ",
                           blocking, " for ", std::to_string(seconds), " seconds; ",
                           std::to_string(session.outgoing->window().size()), " are in flight."}));
  return true;
}

}  // namespace broker
