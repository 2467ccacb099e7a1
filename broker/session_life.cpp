#include "broker/session_life.h"

#include <atomic>
#include <memory>
#include <utility>

#include "broker/core/text.h"
#include "broker/shard.h"
#include "broker/timer_kind.h"

namespace broker {

SessionLife::SessionLife(TimerWheel& timers, SessionTable& sessions, SharedCounts& counts,
                         Ledger& ledger, Forwards& forwards, SharedSubscriptions& groups,
                         Subscriptions& subscriptions, Distribution& distribution, Metrics& metrics,
                         Turn& turn, ClientLog& log)
    : timers_(timers),
      sessions_(sessions),
      counts_(counts),
      ledger_(ledger),
      forwards_(forwards),
      groups_(groups),
      subscriptions_(subscriptions),
      distribution_(distribution),
      metrics_(metrics),
      turn_(turn),
      log_(log) {}

// The session outlives its connection while its expiry interval lasts [MQTT-3.1.2-23]
// [MQTT-4.1.0-1].
void SessionLife::leave_alone(Session& session, WillFate fate) {
  if (fate == WillFate::discard) session.will.reset();  // [MQTT-3.14.4-3]
  if (!session.persistent()) {
    end_soon(session);
    return;
  }
  Away& away = away_part(session);
  if (session.expiry_interval_seconds != session_never_expires) {
    timers_.arm(away.expiry, after_seconds(turn_.now(), session.expiry_interval_seconds));
  }
  ledger_.changed(session, Ledger::session_row);
  announce_presence(session);
  if (!session.will || fate == WillFate::keep) return;
  const std::uint32_t delay = session.will->delay_interval_seconds;
  if (delay == 0) {
    publish_will(session);
  } else {
    timers_.arm(away.will_delay, after_seconds(turn_.now(), delay));
  }
}

// Retained if the client asked for that [MQTT-3.1.2-14] [MQTT-3.1.2-15].
void SessionLife::publish_will(Session& session) {
  if (!session.will) return;
  if (log_.tracer().on()) {
    log_.tracer().begin_publish(session.will->message->topic());
    log_.tracer().tell(session,
                       {"its will is published to '", cut(session.will->message->topic()), "'"});
  }
  const Forwards::StoreAndForward scope(forwards_, ledger_.acknowledges_late(session));
  // Sent once, then removed from the session [MQTT-3.1.2-10].
  const std::unique_ptr<StoredWill> will = std::move(session.will);
  ledger_.changed(session, Ledger::session_row);
  MessageView message = will->message->view();
  if (will->has_expiry) {
    message.expires = after_seconds(turn_.now(), will->message_expiry_interval_seconds);
  }
  if (distribution_.may_publish(session, message.topic, Denial::will))
    distribution_.publish(message, &session);
  log_.tracer().end_publish();
}

// Messages that a group gets back are stored together with the session's end, so it goes in one
// turn; if they are many, only if no other has used up the steps of this turn.
void SessionLife::end_soon(Session& session) {
  constexpr std::size_t few = 64;
  const std::size_t deliveries =
      session.outgoing && session.memberships ? session.outgoing->deliveries() : 0;
  if (deliveries <= few || turn_.is_fresh()) return end(session);
  session.end = Session::End::due;
  ending_.push_back({session.index, session.number});
}

// Retained messages are no part of a session [MQTT3-3.1.2-7].
void SessionLife::end(Session& session) {
  // The will of a session that ends is due now, whatever its delay [MQTT-3.1.2-8].
  publish_will(session);
  session.end = Session::End::begun;
  log_.tracer().tell(session, {"its session ends"});
  ledger_.ended(session);
  turn_.spend_or_owe(groups_.give_back(session, turn_.now()));
  session.expiry_interval_seconds = 0;
  session.away.reset();
  counts_.sessions.fetch_sub(1, std::memory_order_relaxed);
  sessions_.retire(session);
  Work work{session.index, session.number};
  if (!drop_subscriptions(session, work)) ending_.push_back(work);
}

// [MQTT-4.1.0-2]
void SessionLife::expire(Session& session) {
  note_expired(session);
  end_soon(session);
}

void SessionLife::note_expired(const Session& session) {
  log_.tracer().tell(session, {"its session has expired"});
  log_.note(LogType::notice, fields_of(Event::session_expired, session),
            {"Expiring client ", cut(session.client_id), " due to timeout."});
  ++metrics_.clients_expired;
}

bool SessionLife::drop_subscriptions(Session& session, Work& work) {
  if (!subscriptions_.end_all(session, work.next)) return false;
  sessions_.erase(session);
  return true;
}

void SessionLife::announce_presence(Session& session) {
  if (!session.memberships) return;
  if (session.announcing) {
    session.announce_again = true;
    return;
  }
  session.announcing = true;
  Work work{session.index, session.number};
  if (!announce_presence(session, work)) announcing_.push_back(work);
}

bool SessionLife::announce_presence(Session& session, Work& work) {
  do {
    const MembershipList::Number last = session.memberships ? session.memberships->last() : 0;
    for (; work.next <= last; ++work.next) {
      const Membership& membership = session.memberships->at(work.next);
      if (!membership.live) continue;
      if (!turn_.take_step()) return false;
      groups_.presence(session, membership);
    }
    work.next = 1;
  } while (std::exchange(session.announce_again, false));
  session.announcing = false;
  return true;
}

void SessionLife::do_work(std::size_t slice) {
  go_through(ending_, slice, [this](Session& session, Work& work) {
    if (session.end == Session::End::begun) return drop_subscriptions(session, work);
    end(session);
    return true;
  });
  go_through(announcing_, slice,
             [this](Session& session, Work& work) { return announce_presence(session, work); });
}

template <typename Step>
void SessionLife::go_through(Ring<Work>& all, std::size_t slice, Step&& step) {
  for (std::size_t count = all.size(); count > 0 && turn_.has_steps(); --count) {
    Work work = all.pop_front();
    Session* const session = sessions_.at(work.index, work.number);
    if (session == nullptr) continue;
    forwards_.begin_client_input();
    turn_.slice(slice, [&] {
      if (!step(*session, work)) all.push_back(work);
    });
  }
}

void SessionLife::end_all_due() {
  while (!ending_.empty()) {
    const Work work = ending_.pop_front();
    Session* const session = sessions_.at(work.index, work.number);
    if (session != nullptr && session->end == Session::End::due) end(*session);
  }
}

}  // namespace broker
