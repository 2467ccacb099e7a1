#include "broker/core/drop_log.h"

#include <numeric>
#include <string>
#include <utility>

#include "broker/core/blocked_log.h"
#include "broker/core/log_fields.h"
#include "broker/core/text.h"

namespace broker {
namespace {

constexpr std::int64_t interval_seconds = 10;
constexpr std::size_t lines_max = 20;

std::uint64_t sum_of(const Drops& drops) {
  return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0});
}

/// "queue_full 30, expired 2"
std::string text_of(const Drops& drops) {
  std::string text;
  for (std::size_t i = 0; i < drop_reasons; ++i) {
    if (drops[i] == 0) continue;
    text += concat({text.empty() ? "" : ", ", drop_reason_names[i], " ", std::to_string(drops[i])});
  }
  return text;
}

}  // namespace

void DropLog::count(Session& session, DropReason reason) {
  const auto index = static_cast<std::size_t>(reason);
  ++metrics_.publish_dropped;
  ++metrics_.dropped[index];
  DropCounts& counts = session.outgoing_part().drops();
  ++counts.ever[index];
  ++counts.since[index];
  if (tracer_.on()) tracer_.tell(session, {"a message is dropped: ", drop_reason_names[index]});
  if (log_.enabled(LogType::debug)) {
    log_.write_event(LogType::debug, fields_of(Event::message_dropped, session),
                     concat({"Dropping a message for client ", cut(session.client_id), ": ",
                             drop_reason_names[index], "."}));
  }
  if (std::exchange(counts.listed, true)) return;
  listed_.push_back({session.index, session.number});
  if (!log_.enabled(LogType::notice) || lines_ >= lines_max) return;
  ++lines_;
  counts.since[index] = 0;  // this line says it
  const std::string blocking = blocking_packet_text(session);
  log_.write_event(
      LogType::notice, fields_of(Event::message_dropped, session),
      concat({"Outgoing messages are being dropped for client ", cut(session.client_id), ": ",
              drop_reason_names[index], blocking.empty() ? "" : "; ", blocking, "."}));
}

void DropLog::tell(SessionTable& sessions, Instant now) {
  if (now < next_) return;
  next_ = after_seconds(now, interval_seconds);
  lines_ = 0;
  std::size_t others = 0;
  std::uint64_t unnamed = 0;
  std::vector<Listed> still;
  for (const Listed& listed : std::exchange(listed_, {})) {
    Session* const session = sessions.at(listed.index, listed.number);
    if (session == nullptr || !session->outgoing) continue;
    DropCounts& counts = session->outgoing->drops();
    const std::uint64_t lost = sum_of(counts.since);
    counts.listed = lost > 0;
    if (lost == 0) continue;
    still.push_back(listed);
    if (lines_ < lines_max) {
      say_what(*session, counts);
    } else {
      ++others;
      unnamed += lost;
    }
    counts.since = {};
  }
  listed_ = std::move(still);
  if (others == 0) return;
  log_.write_event(LogType::notice, {.event = Event::message_dropped},
                   concat({"Messages dropped for ", std::to_string(others),
                           " more clients: ", std::to_string(unnamed), "."}));
}

void DropLog::say_what(const Session& session, DropCounts& counts) {
  ++lines_;
  if (!log_.enabled(LogType::notice)) return;
  const std::string blocking = blocking_packet_text(session);
  log_.write_event(LogType::notice, fields_of(Event::message_dropped, session),
                   concat({"Messages dropped for client ", cut(session.client_id), ": ",
                           text_of(counts.since), "; ", std::to_string(sum_of(counts.ever)),
                           " ever", blocking.empty() ? "" : "; ", blocking, "."}));
}

}  // namespace broker
