#include "broker/core/holdings.h"

#include <algorithm>
#include <cassert>

namespace broker {

Holdings::Holdings(Outbox& outbox, std::uint32_t shards) : outbox_(outbox) {
  for (Line& line : lines_) {
    line.requested.resize(shards);
    line.confirmed.resize(shards);
  }
}

mqtt::ByteBuffer& Holdings::hold(Connection& connection) {
  if (!connection.held) connection.held = std::make_unique<HeldOutput>();
  return connection.held->bytes;
}

void Holdings::held(const Connection& connection, std::size_t size_bytes, bool in_order) {
  assert(connection.held);  // hold() made it
  HeldOutput& held = *connection.held;
  ++held.packets;
  charge(size_bytes + sizeof(Packets));
  if (in_order) held.order_end = held.bytes.size();
  Line& line = lines_[0];
  if (line.open.packets > 0) {
    Packets& last = line.packets[line.packets.size() - 1];
    if (last.connection == connection.id) {
      last.size_bytes += size_bytes;
      return;
    }
  }
  line.packets.push_back({connection.id, size_bytes});
  ++line.open.packets;
}

ConfirmRequest Holdings::request_confirm(ShardIndex peer) {
  ++requests_;
  const std::size_t depth = std::min<std::size_t>(depth_, depths - 1);
  Line& line = lines_[depth];
  assert(static_cast<std::uint32_t>(peer) < line.requested.size());
  const std::uint64_t number = ++line.requested[static_cast<std::uint32_t>(peer)];
  const ConfirmRequest request{number, ForwardKey{0}, static_cast<std::uint8_t>(depth + 1)};
  for (std::size_t i = 0; i < line.open.requests; ++i) {
    LastRequest& last = line.requests[line.requests.size() - 1 - i];
    if (last.peer != peer) continue;
    last.number = number;
    return request;
  }
  line.requests.push_back({peer, number});
  ++line.open.requests;
  return request;
}

void Holdings::confirm_when_stored(ShardIndex peer, const ConfirmRequest& request) {
  Line& line = lines_[std::min<std::size_t>(request.depth, depths - 1)];
  // A later confirmation stands for those before it.
  for (std::size_t i = 0; i < line.open.confirms; ++i) {
    PendingConfirm& pending = line.confirms[line.confirms.size() - 1 - i];
    const bool forwarded = pending.request.forward != ForwardKey{0};
    if (pending.peer != peer || pending.request.depth != request.depth) continue;
    if (forwarded != (request.forward != ForwardKey{0})) continue;
    pending.request = request;
    return;
  }
  line.confirms.push_back({peer, request});
  ++line.open.confirms;
}

void Holdings::end_turn(std::uint64_t position) {
  for (Line& line : lines_) {
    if (line.open.empty()) continue;
    assert(line.tickets.empty() || line.tickets[line.tickets.size() - 1].position <= position);
    line.open.position = position;
    line.tickets.push_back(std::exchange(line.open, Ticket{}));
  }
}

void Holdings::confirmed(ShardIndex peer, const ConfirmRequest& request) noexcept {
  assert(request.depth > 0 && request.depth <= depths);
  assert(static_cast<std::uint32_t>(peer) < lines_[0].confirmed.size());
  lines_[request.depth - 1U].confirmed[static_cast<std::uint32_t>(peer)] = request.number;
}

bool Holdings::empty() const noexcept {
  return std::ranges::all_of(
      lines_, [](const Line& line) { return line.tickets.empty() && line.open.empty(); });
}

bool Holdings::done(Line& line) const noexcept {
  const Ticket& ticket = line.tickets.front();
  if (ticket.position > committed_) return false;
  for (std::size_t i = 0; i < ticket.requests; ++i) {
    const LastRequest& last = line.requests[i];
    if (line.confirmed[static_cast<std::uint32_t>(last.peer)] < last.number) return false;
  }
  return true;
}

void Holdings::speak(Connection& connection, std::size_t size_bytes) {
  assert(connection.held);
  HeldOutput& held = *connection.held;
  Output& output = outbox_.output(connection.id);
  assert(held.begin + size_bytes <= held.bytes.size());
  output.bytes.append(held.bytes.view().subspan(held.begin, size_bytes));
  // Deliveries that had to wait behind this packet may continue.
  output.report = output.report || connection.congested;
  held.begin += size_bytes;
  if (held.begin == held.bytes.size()) connection.held.reset();
}

}  // namespace broker
