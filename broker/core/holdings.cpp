#include "broker/core/holdings.h"

namespace broker {

mqtt::ByteBuffer& Holdings::hold(Connection& connection) {
  if (!connection.held) connection.held = std::make_unique<HeldOutput>();
  return connection.held->bytes;
}

void Holdings::held(const Connection& connection, std::size_t size_bytes) {
  ++connection.held->packets;
  if (open_.packets > 0) {
    Packets& last = packets_[packets_.size() - 1];
    if (last.connection == connection.id) {
      last.size_bytes += size_bytes;
      return;
    }
  }
  packets_.push_back({connection.id, size_bytes});
  ++open_.packets;
}

std::uint64_t Holdings::tell(ShardIndex peer) {
  ++told_;
  for (std::size_t i = 0; i < open_.peers; ++i) {
    if (peers_[peers_.size() - 1 - i] == peer) return open_.number;
  }
  peers_.push_back(peer);
  ++open_.peers;
  return open_.number;
}

void Holdings::owe(ShardIndex peer, std::uint64_t ticket) {
  // A later ticket confirms those before it.
  for (std::size_t i = 0; i < open_.debts; ++i) {
    Debt& debt = debts_[debts_.size() - 1 - i];
    if (debt.peer != peer) continue;
    debt.ticket = ticket;
    return;
  }
  debts_.push_back({peer, ticket});
  ++open_.debts;
}

void Holdings::end_turn(std::uint64_t position) {
  if (open_.empty()) return;
  open_.position = position;
  const std::uint64_t next = open_.number + 1;
  tickets_.push_back(std::exchange(open_, Ticket{}));
  open_.number = next;
}

bool Holdings::done(const Ticket& ticket) noexcept {
  if (ticket.position > committed_) return false;
  for (std::size_t i = 0; i < ticket.peers; ++i) {
    if (confirmed_[static_cast<std::uint32_t>(peers_[i])] < ticket.number) return false;
  }
  return true;
}

void Holdings::speak(Connection& connection, std::size_t size_bytes) {
  HeldOutput& held = *connection.held;
  outbox_.output(connection.id).bytes.append(held.bytes.view().subspan(held.begin, size_bytes));
  held.begin += size_bytes;
  if (held.begin == held.bytes.size()) connection.held.reset();
}

}  // namespace broker
