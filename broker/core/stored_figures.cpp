#include "broker/core/stored_figures.h"

#include <algorithm>
#include <utility>

namespace broker {
namespace {

constexpr std::size_t parts = 64;

}  // namespace

void StoredFigures::add(Sum& sum, const Session* session) {
  if (session == nullptr || !session->outgoing) return;
  const Outgoing& outgoing = *session->outgoing;
  sum.messages += outgoing.backlog_size() + outgoing.unsent_size() + outgoing.in_flight();
  sum.bytes += outgoing.backlog_bytes() + outgoing.unsent_bytes() + outgoing.in_flight_bytes();
}

void StoredFigures::tick(SessionTable& sessions) {
  const std::size_t places = sessions.places();
  if (places <= places_at_once_) return;
  const std::size_t end = std::min(places, next_ + places / parts + 1);
  for (; next_ < end; ++next_) add(walk_, sessions.at_place(next_));
  if (next_ < places) return;
  next_ = 0;
  last_ = std::exchange(walk_, Sum{});
}

StoredFigures::Sum StoredFigures::sum(SessionTable& sessions) {
  const std::size_t places = sessions.places();
  if (places > places_at_once_) return last_;
  Sum all;
  for (std::size_t place = 0; place < places; ++place) add(all, sessions.at_place(place));
  return all;
}

}  // namespace broker
