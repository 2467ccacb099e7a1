#include "broker/core/denial_log.h"

#include <algorithm>
#include <utility>

#include "broker/core/connection.h"
#include "broker/core/log_fields.h"
#include "broker/core/text.h"
#include "broker/wire/topic.h"

namespace broker {
namespace {

constexpr std::size_t looks_max = 64;         // at sessions, a second
constexpr std::size_t clients_max = 4096;     // that have had a line
constexpr std::int64_t quiet_seconds = 3600;  // between two lines about deliveries to a client

/// As lines begin.
constexpr std::array<std::string_view, denial_kinds> verbs = {"PUBLISH", "will", "SUBSCRIBE",
                                                              "delivery"};

constexpr std::array<Event, denial_kinds> events = {
    Event::publish_denied, Event::will_denied, Event::subscribe_denied, Event::delivery_denied};

LogFields denied_fields(Denial kind, const Session& session) noexcept {
  return fields_of(events[static_cast<std::size_t>(kind)], session, mqtt::Reason::not_authorized);
}

std::string_view verb_of(Denial kind) { return verbs[static_cast<std::size_t>(kind)]; }

/// "ID [ADDRESS:PORT] with user 'USER'", as far as it is known.
std::string describe(const Session& session) {
  std::string text = cut(session.client_id);
  const std::string_view address = identity_of(session).address;
  if (!address.empty()) {
    const std::uint16_t port =
        session.connection == nullptr ? std::uint16_t{0} : session.connection->client_port;
    text +=
        concat({" [", address, port == 0 ? "" : ":", port == 0 ? "" : std::to_string(port), "]"});
  }
  if (!session.user_name.empty()) text += concat({" with user '", cut(session.user_name), "'"});
  return text;
}

/// The deciding rule, as the end of a line.
std::string decided_by(Access access, const Session& session, std::string_view topic) {
  if (access == Access::publish && mqtt::is_reserved(topic)) {
    return "clients may not publish there";
  }
  if (!session.permissions) return "its rights are others now";
  return session.permissions->decided_by(access, topic, identity_of(session));
}

}  // namespace

void DenialLog::trace(Denial kind, Access access, const Session& session,
                      std::string_view topic) const {
  if (!tracer_.follows(session)) return;
  tracer_.tell(session, {"denied: ", verb_of(kind), kind == Denial::receive ? " of '" : " to '",
                         cut(topic), "': ", decided_by(access, session, topic)});
}

void DenialLog::count(Denial kind, const Session& session, std::string_view topic, Instant now) {
  if (tracer_.on()) trace(kind, Access::publish, session, topic);
  if (!admit(kind, now)) return;
  write(denied_fields(kind, session),
        {"Denied ", verb_of(kind), " from ", describe(session), " to '", cut(topic),
         "': ", decided_by(Access::publish, session, topic), "."});
}

void DenialLog::count_filter(const Session& session, std::string_view filter, bool granted,
                             Instant now) {
  if (tracer_.on()) trace(Denial::subscribe, Access::subscribe, session, filter);
  if (!admit(Denial::subscribe, now)) return;
  write(denied_fields(Denial::subscribe, session),
        {"Denied ", verb_of(Denial::subscribe), " from ", describe(session), " to '", cut(filter),
         granted ? "' (granted, but nothing will come): " : "': ",
         decided_by(Access::subscribe, session, filter), "."});
}

bool DenialLog::admit(Denial kind, Instant now) {
  const auto index = static_cast<std::size_t>(kind);
  ++metrics_.denied[index];
  const auto held_back = rates_[index].admit(now);
  if (!held_back || !log_.enabled(LogType::notice)) return false;
  if (*held_back > 0) write_held_back(kind, *held_back);
  return true;
}

void DenialLog::count_withheld(std::span<const Session* const> sessions, std::string_view topic,
                               Instant now) {
  metrics_.denied[static_cast<std::size_t>(Denial::receive)] += sessions.size();
  if (tracer_.on()) {
    // A route may have thousands of them.
    for (const Session* const session : sessions.first(std::min(sessions.size(), looks_max))) {
      trace(Denial::receive, Access::receive, *session, topic);
    }
  }
  if (now < next_look_ || !log_.enabled(LogType::notice)) return;
  // A look that finds no news is not the last of this second, unless there were many.
  std::size_t looks = 0;
  for (const Session* const session : sessions) {
    if (++looks > looks_max) break;
    if (!is_news(*session, now)) continue;
    write(denied_fields(Denial::receive, *session),
          {"Denied ", verb_of(Denial::receive), " to ", describe(*session), " of '", cut(topic),
           "': ", decided_by(Access::receive, *session, topic),
           "; others are counted in $SYS/broker/denied/receive."});
    looks = looks_max;
    break;
  }
  looks_ += looks;
  if (looks_ < looks_max) return;
  looks_ = 0;
  next_look_ = after_seconds(now, 1);
}

bool DenialLog::is_news(const Session& session, Instant now) {
  if (told_.size() >= clients_max) told_.clear();
  const auto [place, fresh] = told_.try_emplace(session.number, now);
  if (!fresh && now < after_seconds(place->second, quiet_seconds)) return false;
  place->second = now;
  return true;
}

void DenialLog::tell(Instant now) {
  for (std::size_t i = 0; i < denial_kinds; ++i) {
    const std::uint64_t held_back = rates_[i].overdue(now);
    if (held_back > 0) write_held_back(static_cast<Denial>(i), held_back);
  }
}

void DenialLog::write_held_back(Denial kind, std::uint64_t count) {
  write({.event = Event::lines_held_back},
        {"Denied ", verb_of(kind), " ", std::to_string(count), " more times."});
}

void DenialLog::write(const LogFields& fields, std::initializer_list<std::string_view> pieces) {
  if (log_.enabled(LogType::notice)) log_.write_event(LogType::notice, fields, concat(pieces));
}

}  // namespace broker
