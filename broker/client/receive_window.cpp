#include "broker/client/receive_window.h"

#include <algorithm>
#include <cassert>

#include "broker/wire/ack.h"

namespace client {

using mqtt::ByteBuffer;
using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Reason;

namespace {

bool refuses(Reason reason) noexcept { return reason >= Reason::unspecified_error; }

}  // namespace

void ReceiveWindow::begin(std::uint16_t receive_maximum, mqtt::Version version,
                          Handshakes handshakes) noexcept {
  assert(receive_maximum > 0 && unfinished_ == 0 && answers_.empty());
  // Before 5.0 a server does not hear of a maximum, and has as many identifiers as there are.
  receive_maximum_ = version == mqtt::Version::v5_0 ? receive_maximum : 65'535;
  version_ = version;
  relayed_ = handshakes == Handshakes::relayed;
}

void ReceiveWindow::connection_lost() {
  answers_.clear();
  unfinished_ = 0;
  for (auto& [id, incoming] : exactly_once_) incoming.asked = incoming.counted = false;
}

ReceiveWindow::Result ReceiveWindow::publish(const mqtt::Publish& packet, ByteBuffer& out) {
  assert(packet.qos != Qos::at_most_once);
  const PacketId id = packet.packet_id;
  const bool full = unfinished_ >= receive_maximum_;
  if (packet.qos == Qos::at_least_once) {
    if (full) return {Taken::too_many};
    ++unfinished_;
    return {Taken::fresh, {push_answer(id, PacketType::puback), id, PacketType::puback}};
  }
  if (version_ == mqtt::Version::v3_1) forget_if_new(packet);
  const auto known = exactly_once_.find(id);
  if (full && (known == exactly_once_.end() || !known->second.counted)) return {Taken::too_many};
  if (known != exactly_once_.end()) return publish_again(id, known->second, out);
  Incoming& incoming = exactly_once_[id];
  incoming.asked = incoming.counted = true;
  incoming.number = incoming.answer = push_answer(id, PacketType::pubrec);
  ++unfinished_;
  return {Taken::fresh, {incoming.number, id, PacketType::pubrec}};
}

/// A server of 3.1 that has lost the session does not say so. A retransmitted packet has DUP set:
/// without it an identifier of an earlier connection stands for another message.
void ReceiveWindow::forget_if_new(const mqtt::Publish& packet) {
  const auto known = exactly_once_.find(packet.packet_id);
  if (packet.dup || known == exactly_once_.end() || known->second.counted) return;
  forget(known);
}

ReceiveWindow::Result ReceiveWindow::publish_again(PacketId id, Incoming& incoming,
                                                   ByteBuffer& out) {
  if (incoming.state == State::releasing) return {Taken::misused};
  if (!incoming.counted) ++unfinished_;
  incoming.counted = true;
  if (incoming.state == State::given) {
    if (!incoming.asked) incoming.answer = push_answer(id, PacketType::pubrec);
    incoming.asked = true;
    return {Taken::repeated};
  }
  push_answer(id, PacketType::pubrec);
  answers_.back().ready = true;
  send_ready(out);
  return {Taken::repeated};
}

ReceiveWindow::Result ReceiveWindow::release(PacketId id, ByteBuffer& out) {
  if (relayed_) exactly_once_.try_emplace(id, Incoming{.state = State::had});
  const auto known = exactly_once_.find(id);
  if (known == exactly_once_.end()) {
    send(PacketType::pubcomp, id, Reason::packet_identifier_not_found, out);
    return {Taken::repeated};
  }
  Incoming& incoming = known->second;
  if (incoming.state == State::given) return {Taken::misused};
  incoming.asked = true;
  if (incoming.state == State::releasing) return {Taken::repeated};
  incoming.state = State::releasing;
  incoming.number = next_release_++;
  return {Taken::fresh, {incoming.number, id, PacketType::pubcomp}};
}

void ReceiveWindow::acknowledge(const Receipt& receipt, Reason reason, ByteBuffer& out) {
  if (receipt.answer == PacketType::pubcomp) return acknowledge_release(receipt, out);
  acknowledge_message(receipt, reason);
  send_ready(out);
}

void ReceiveWindow::acknowledge_message(const Receipt& receipt, Reason reason) {
  std::uint64_t number = receipt.number;
  if (receipt.answer == PacketType::pubrec) {
    const auto known = exactly_once_.find(receipt.packet_id);
    if (known == exactly_once_.end() || known->second.state != State::given) return;
    if (known->second.number != receipt.number) return;
    number = known->second.asked ? known->second.answer : 0;
    known->second.state = State::had;
    known->second.asked = false;
    // A message that is refused has an identifier that is free [MQTT-4.3.3-9].
    if (refuses(reason)) forget(known);
  }
  Answer* const answer = find_answer(number);
  if (answer == nullptr || answer->type != receipt.answer) return;
  answer->ready = true;
  answer->reason = reason;
}

void ReceiveWindow::acknowledge_release(const Receipt& receipt, ByteBuffer& out) {
  const auto known = exactly_once_.find(receipt.packet_id);
  if (known == exactly_once_.end() || known->second.state != State::releasing) return;
  if (known->second.number != receipt.number) return;
  // On a new connection the server asks again, and is answered then.
  if (known->second.asked) send(PacketType::pubcomp, receipt.packet_id, Reason::success, out);
  forget(known);
}

void ReceiveWindow::forget(ExactlyOnce::iterator place) {
  if (place->second.counted) --unfinished_;
  exactly_once_.erase(place);
}

std::uint64_t ReceiveWindow::push_answer(PacketId id, PacketType type) {
  answers_.push_back({.packet_id = id, .type = type});
  return next_answer_++;
}

ReceiveWindow::Answer* ReceiveWindow::find_answer(std::uint64_t number) noexcept {
  const std::uint64_t first = next_answer_ - answers_.size();
  return number >= first && number < next_answer_ ? &answers_[number - first] : nullptr;
}

void ReceiveWindow::send_ready(ByteBuffer& out) {
  for (; !answers_.empty() && answers_.front().ready; answers_.pop_front()) {
    const Answer& answer = answers_.front();
    if (answer.type == PacketType::puback) --unfinished_;
    send(answer.type, answer.packet_id, answer.reason, out);
  }
}

void ReceiveWindow::send(PacketType type, PacketId id, Reason reason, ByteBuffer& out) {
  encode(mqtt::Ack{.type = type, .packet_id = id, .reason = reason}, version_, out);
}

std::vector<PacketId> ReceiveWindow::save() const {
  std::vector<PacketId> ids;
  for (const auto& [id, incoming] : exactly_once_) {
    if (incoming.state != State::given) ids.push_back(id);
  }
  std::ranges::sort(ids);
  return ids;
}

}  // namespace client
