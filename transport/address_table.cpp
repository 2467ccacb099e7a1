#include "transport/address_table.h"

#include <algorithm>
#include <cassert>

namespace transport {

AddressTable::Part& AddressTable::part_of(const AddressKey& key) noexcept {
  return parts_[(key.prefix.hash() + key.listener) % parts];
}

/// The entry of a key, new or not, as the one used last.
AddressTable::Entry& AddressTable::touch(Part& part, const AddressKey& key, broker::Instant now) {
  const auto [found, fresh] = part.entries.try_emplace(key);
  Entry& entry = found->second;
  if (fresh) {
    entry.idle = part.idle.insert(part.idle.end(), key);
    forget(part, now);
  } else if (!entry.in_use()) {
    part.idle.splice(part.idle.end(), part.idle, entry.idle);
  }
  return entry;
}

/// Two for each one that comes: idle entries go soon after they expire, and no call has to wait for
/// a sweep.
void AddressTable::forget(Part& part, broker::Instant now) const {
  for (int count = 0; count < 2 && part.idle.size() > 1; ++count) {
    const auto oldest = part.entries.find(part.idle.front());
    assert(oldest != part.entries.end() && !oldest->second.in_use());
    if (part.idle.size() <= idle_max_ && now < oldest->second.keep_until) return;
    part.idle.pop_front();
    part.entries.erase(oldest);
  }
}

/// To be called before an entry counts something.
void AddressTable::begin_use(Part& part, const Entry& entry) {
  if (!entry.in_use()) part.idle.erase(entry.idle);
}

/// To be called after an entry counts less.
void AddressTable::end_use(Part& part, Entries::iterator entry) const {
  if (entry->second.in_use()) return;
  entry->second.idle = part.idle.insert(part.idle.end(), entry->first);
  if (part.idle.size() <= idle_max_) return;
  part.entries.erase(part.idle.front());
  part.idle.pop_front();
}

AddressTable::Answer AddressTable::enter(const AddressKey& key, const ConnectionBounds& bounds,
                                         broker::Instant now) {
  Part& part = part_of(key);
  const std::scoped_lock lock(part.mutex);
  Entry& entry = touch(part, key, now);
  if (bounds.connections_max != 0 && entry.connections >= bounds.connections_max) {
    return Answer::too_many;
  }
  if (bounds.rate.per_second != 0 && !take(entry, bounds.rate, now)) return Answer::too_fast;
  begin_use(part, entry);
  ++entry.connections;
  return Answer::admitted;
}

bool AddressTable::take(const AddressKey& key, const broker::TokenBucket::Size& rate,
                        broker::Instant now) {
  Part& part = part_of(key);
  const std::scoped_lock lock(part.mutex);
  return take(touch(part, key, now), rate, now);
}

/// A bucket says nothing once it is full again.
bool AddressTable::take(Entry& entry, const broker::TokenBucket::Size& rate, broker::Instant now) {
  assert(rate.per_second > 0);
  const auto full_milliseconds = static_cast<std::int64_t>(rate.burst * 1000 / rate.per_second);
  entry.keep_until = std::max(entry.keep_until, broker::after_milliseconds(now, full_milliseconds));
  return entry.bucket.take(1, rate, now);
}

void AddressTable::leave(const AddressKey& key) {
  Part& part = part_of(key);
  const std::scoped_lock lock(part.mutex);
  const auto found = part.entries.find(key);
  if (found == part.entries.end() || found->second.connections == 0) return;
  --found->second.connections;
  end_use(part, found);
}

bool AddressTable::keep(const AddressKey& key, std::size_t bytes, std::uint64_t bytes_max,
                        broker::Instant now) {
  Part& part = part_of(key);
  const std::scoped_lock lock(part.mutex);
  Entry& entry = touch(part, key, now);
  if (entry.kept_bytes >= bytes_max) return false;
  begin_use(part, entry);
  entry.kept_bytes += bytes;
  return true;
}

void AddressTable::release(const AddressKey& key, std::size_t bytes) {
  Part& part = part_of(key);
  const std::scoped_lock lock(part.mutex);
  const auto found = part.entries.find(key);
  if (found == part.entries.end() || found->second.kept_bytes < bytes) return;
  found->second.kept_bytes -= bytes;
  end_use(part, found);
}

bool AddressTable::fail(const AddressKey& key, const LoginBounds& bounds, broker::Instant now) {
  if (bounds.failures_max == 0) return false;
  Part& part = part_of(key);
  const std::scoped_lock lock(part.mutex);
  Entry& entry = touch(part, key, now);
  if (now < entry.banned_until) return false;  // it began before the ban
  if (entry.failures == 0 || now >= after_seconds(entry.failing_since, bounds.time_seconds)) {
    entry.failures = 0;
    entry.failing_since = now;
  }
  const bool banned = ++entry.failures >= bounds.failures_max;
  if (banned) {
    entry.failures = 0;
    entry.banned_until = after_seconds(now, bounds.ban_seconds);
  }
  entry.keep_until = std::max(
      entry.keep_until, banned ? entry.banned_until : after_seconds(now, bounds.time_seconds));
  return banned;
}

bool AddressTable::is_banned(const AddressKey& key, broker::Instant now) {
  Part& part = part_of(key);
  const std::scoped_lock lock(part.mutex);
  const auto found = part.entries.find(key);
  return found != part.entries.end() && now < found->second.banned_until;
}

std::vector<AddressTable::Ban> AddressTable::bans(broker::Instant now) {
  std::vector<Ban> found;
  for (Part& part : parts_) {
    const std::scoped_lock lock(part.mutex);
    for (const auto& [key, entry] : part.entries) {
      if (now < entry.banned_until) found.push_back({key.prefix, entry.banned_until});
    }
  }
  std::ranges::sort(found, {}, &Ban::prefix);
  return found;
}

std::size_t AddressTable::lift_bans(const Hits& hits, broker::Instant now) {
  std::size_t lifted = 0;
  for (Part& part : parts_) {
    const std::scoped_lock lock(part.mutex);
    for (auto& [key, entry] : part.entries) {
      if (now >= entry.banned_until || !hits(key.prefix)) continue;
      entry.banned_until = {};
      entry.failures = 0;
      ++lifted;
    }
  }
  return lifted;
}

std::size_t AddressTable::size() {
  std::size_t sum = 0;
  for (Part& part : parts_) {
    const std::scoped_lock lock(part.mutex);
    sum += part.entries.size();
  }
  return sum;
}

}  // namespace transport
