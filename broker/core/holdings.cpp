#include "broker/core/holdings.h"

#include <algorithm>

namespace broker {

Holdings::Holdings(Outbox& outbox, std::uint32_t shards) : outbox_(outbox) {
  for (Line& line : lines_) {
    line.told.resize(shards);
    line.confirmed.resize(shards);
  }
}

mqtt::ByteBuffer& Holdings::hold(Connection& connection) {
  if (!connection.held) connection.held = std::make_unique<HeldOutput>();
  return connection.held->bytes;
}

void Holdings::held(const Connection& connection, std::size_t size_bytes, bool in_order) {
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

Errand Holdings::tell(ShardIndex peer) {
  ++told_;
  const std::size_t hop = std::min<std::size_t>(cause_, hops - 1);
  Line& line = lines_[hop];
  const std::uint64_t number = ++line.told[static_cast<std::uint32_t>(peer)];
  const Errand errand{number, ForwardKey{0}, static_cast<std::uint8_t>(hop + 1)};
  for (std::size_t i = 0; i < line.open.peers; ++i) {
    Told& last = line.peers[line.peers.size() - 1 - i];
    if (last.peer != peer) continue;
    last.number = number;
    return errand;
  }
  line.peers.push_back({peer, number});
  ++line.open.peers;
  return errand;
}

void Holdings::owe(ShardIndex peer, const Errand& errand) {
  Line& line = lines_[std::min<std::size_t>(errand.hop, hops - 1)];
  // A later errand confirms those before it.
  for (std::size_t i = 0; i < line.open.debts; ++i) {
    Debt& debt = line.debts[line.debts.size() - 1 - i];
    const bool forwarded = debt.errand.forward != ForwardKey{0};
    if (debt.peer != peer || debt.errand.hop != errand.hop) continue;
    if (forwarded != (errand.forward != ForwardKey{0})) continue;
    debt.errand = errand;
    return;
  }
  line.debts.push_back({peer, errand});
  ++line.open.debts;
}

void Holdings::end_turn(std::uint64_t position) {
  for (Line& line : lines_) {
    if (line.open.empty()) continue;
    line.open.position = position;
    line.tickets.push_back(std::exchange(line.open, Ticket{}));
  }
}

void Holdings::confirmed(ShardIndex peer, const Errand& errand) noexcept {
  lines_[errand.hop - 1U].confirmed[static_cast<std::uint32_t>(peer)] = errand.number;
}

bool Holdings::empty() const noexcept {
  return std::ranges::all_of(
      lines_, [](const Line& line) { return line.tickets.empty() && line.open.empty(); });
}

bool Holdings::done(Line& line) const noexcept {
  const Ticket& ticket = line.tickets.front();
  if (ticket.position > committed_) return false;
  for (std::size_t i = 0; i < ticket.peers; ++i) {
    const Told& told = line.peers[i];
    if (line.confirmed[static_cast<std::uint32_t>(told.peer)] < told.number) return false;
  }
  return true;
}

void Holdings::speak(Connection& connection, std::size_t size_bytes) {
  HeldOutput& held = *connection.held;
  Output& output = outbox_.output(connection.id);
  output.bytes.append(held.bytes.view().subspan(held.begin, size_bytes));
  // What had to wait behind it may go on.
  output.report = output.report || connection.congested;
  held.begin += size_bytes;
  if (held.begin == held.bytes.size()) connection.held.reset();
}

}  // namespace broker
