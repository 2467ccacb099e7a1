#include "broker/core/membership_list.h"

#include <algorithm>
#include <cassert>
#include <functional>

namespace broker {
namespace {

std::uint32_t hash_of(std::string_view share_name, std::string_view filter) noexcept {
  const std::hash<std::string_view> hash;
  const std::uint64_t both = hash(share_name) * 0x9E3779B97F4A7C15U + hash(filter);
  return static_cast<std::uint32_t>(both * 0xD6E8FEB86659FD93U >> 32U);
}

std::uint32_t hash_of(const Membership& one) noexcept {
  return hash_of(one.share_name, one.filter);
}

}  // namespace

MembershipList::Number MembershipList::find(std::string_view share_name,
                                            std::string_view filter) const noexcept {
  if (index_.size() > 0) {
    return index_.find(hash_of(share_name, filter),
                       [&](Number number) { return is(number, share_name, filter); });
  }
  for (Number number = 1; number <= last(); ++number) {
    if (is(number, share_name, filter)) return number;
  }
  return none;
}

MembershipList::Number MembershipList::add(std::string_view share_name, std::string_view filter) {
  assert(!share_name.empty());  // an empty one marks a free place
  if (const Number known = find(share_name, filter); known != none) return known;
  Number number = none;
  if (free_.empty()) {
    items_.emplace_back();
    number = last();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  items_[number - 1] = {std::string(share_name), std::string(filter), false};
  ++taken_;
  if (index_.size() > 0) {
    index_.insert(hash_of(share_name, filter), number);
  } else if (taken_ > unindexed_max) {
    build_index();
  }
  return number;
}

void MembershipList::build_index() {
  for (Number number = 1; number <= last(); ++number) {
    const Membership& one = at(number);
    if (!one.share_name.empty()) index_.insert(hash_of(one), number);
  }
}

bool MembershipList::join(Number number) noexcept {
  assert(number != none && number <= last() && !items_[number - 1].share_name.empty());
  bool& live = items_[number - 1].live;
  if (live) return false;
  live = true;
  ++live_;
  return true;
}

void MembershipList::set_options(Number number, mqtt::Qos qos, bool retain_as_published,
                                 std::uint32_t subscription_identifier) noexcept {
  Membership& one = items_[number - 1];
  one.qos = qos;
  one.retain_as_published = retain_as_published;
  one.subscription_identifier = subscription_identifier;
}

void MembershipList::leave(Number number) noexcept {
  assert(at(number).live && live_ > 0);
  items_[number - 1].live = false;
  --live_;
}

void MembershipList::erase(Number number) {
  assert(!at(number).live && !at(number).share_name.empty());
  if (index_.size() > 0) index_.erase(hash_of(at(number)), number);
  items_[number - 1] = Membership{};
  free_.push_back(number);
  --taken_;
  if (taken_ == 0) *this = MembershipList{};
}

}  // namespace broker
