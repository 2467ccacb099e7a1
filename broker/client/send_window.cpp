#include "broker/client/send_window.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

namespace client {

using mqtt::PacketId;
using mqtt::Qos;

void SendWindow::add(PacketId id, const Publication& publication, Token token, Instant now) {
  assert(id != PacketId{0} && publication.qos != Qos::at_most_once);
  Flight& flight = flights_.add(id);
  flight.publication = KeptPublication(publication, now);
  flight.token = token;
  flight.place = next_place_++;
  flight.phase = publication.qos == Qos::at_least_once ? Phase::puback : Phase::pubrec;
  flight.sent_before = true;
  size_bytes_ += flight.publication.size_bytes();
  count(flight, true);
}

void SendWindow::count(Flight& flight, bool counted) {
  if (flight.counted == counted) return;
  flight.counted = counted;
  quota_used_ += counted ? std::size_t{1} : SIZE_MAX;
}

void SendWindow::release(Flight& flight) {
  assert(flight.phase == Phase::pubrec);
  size_bytes_ -= flight.publication.size_bytes();
  flight.publication.reset();
  flight.phase = Phase::pubcomp;
  flight.place = next_place_++;
  flight.waits = false;
  count(flight, true);
}

void SendWindow::finish(PacketId id) {
  Flight* const flight = flights_.find(id);
  assert(flight != nullptr);
  count(*flight, false);
  size_bytes_ -= flight->publication.size_bytes();
  flights_.erase(id);
}

void SendWindow::connection_lost() {
  to_resend_ = in_order();
  std::ranges::reverse(to_resend_);
  flights_.for_each([this](PacketId /*id*/, Flight& flight) {
    flight.waits = true;
    count(flight, flight.phase == Phase::pubcomp);
  });
}

void SendWindow::session_lost() {
  for (const PacketId id : std::vector(to_resend_)) {
    Flight* const flight = flights_.find(id);
    assert(flight != nullptr);
    flight->sent_before = false;
    if (flight->phase != Phase::pubcomp) continue;
    finished_.push_back(flight->token);
    finish(id);
  }
}

void SendWindow::forget() noexcept {
  flights_.clear();
  to_resend_.clear();
  finished_.clear();
  size_bytes_ = quota_used_ = 0;
}

std::optional<Token> SendWindow::take_finished() {
  if (finished_.empty()) return std::nullopt;
  const Token token = finished_.back();
  finished_.pop_back();
  return token;
}

PacketId SendWindow::next_to_resend() {
  while (!to_resend_.empty()) {
    const Flight* const flight = find(to_resend_.back());
    if (flight != nullptr && flight->waits) return to_resend_.back();
    to_resend_.pop_back();
  }
  return PacketId{0};
}

void SendWindow::sent_again(PacketId id) {
  Flight* const flight = find(id);
  assert(flight != nullptr && flight->waits);
  flight->waits = false;
  flight->sent_before = true;
  count(*flight, true);
}

std::vector<PacketId> SendWindow::in_order() const {
  std::vector<PacketId> ids;
  ids.reserve(flights_.size());
  flights_.for_each([&](PacketId id, const Flight& /*flight*/) { ids.push_back(id); });
  std::ranges::sort(ids, {}, [this](PacketId id) {
    const Flight* const flight = flights_.find(id);
    return std::pair(flight->phase != Phase::pubcomp, flight->place);
  });
  return ids;
}

std::vector<SavedSession::Outgoing> SendWindow::save(Instant now) const {
  std::vector<SavedSession::Outgoing> saved;
  saved.reserve(flights_.size());
  for (const PacketId id : in_order()) {
    const Flight& flight = *flights_.find(id);
    SavedSession::Outgoing& one = saved.emplace_back();
    one.packet_id = id;
    one.token = flight.token;
    one.sent = flight.sent_before;
    one.qos = flight.phase == Phase::puback ? Qos::at_least_once : Qos::exactly_once;
    one.released = flight.phase == Phase::pubcomp;
    if (one.released) continue;
    const Publication publication = flight.publication.view(now);
    one.retain = publication.retain;
    one.topic = publication.topic;
    one.payload = mqtt::as_text(publication.payload);
    one.properties = mqtt::as_text(publication.properties);
    one.message_expiry_interval_seconds = publication.message_expiry_interval_seconds;
  }
  return saved;
}

void SendWindow::restore(const SavedSession::Outgoing& saved, Instant now) {
  const Publication publication{
      .topic = saved.topic,
      .payload = mqtt::as_bytes(saved.payload),
      .properties = mqtt::as_bytes(saved.properties),
      .qos = saved.qos,
      .retain = saved.retain,
      .message_expiry_interval_seconds = saved.message_expiry_interval_seconds};
  add(saved.packet_id, publication, saved.token, now);
  Flight& flight = *flights_.find(saved.packet_id);
  flight.sent_before = saved.sent;
  if (saved.released) release(flight);
}

}  // namespace client
