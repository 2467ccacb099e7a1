#include "broker/bridge/address_turn.h"

#include <cassert>

namespace bridge {

AddressTurn::AddressTurn(const Options& options) : options_(options) {
  assert(!options.addresses.empty());
}

std::string AddressTurn::text() const {
  const Address& address = options_.addresses[index_];
  return address.port == 0 ? address.host : address.host + ":" + std::to_string(address.port);
}

void AddressTurn::advance() noexcept { index_ = (index_ + 1) % options_.addresses.size(); }

void AddressTurn::make_first_next() noexcept { index_ = options_.addresses.size() - 1; }

void AddressTurn::connected(Instant now) noexcept {
  if (options_.round_robin || index_ == 0) return;
  first_due_at_ = broker::after_milliseconds(now, options_.first_address_milliseconds);
}

bool AddressTurn::first_is_due(Instant now) noexcept {
  if (!first_due_at_ || now < *first_due_at_) return false;
  first_due_at_ = broker::after_milliseconds(now, options_.first_address_milliseconds);
  return true;
}

}  // namespace bridge
