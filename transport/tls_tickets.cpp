#include "transport/tls_tickets.h"

#include <cstring>
#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace transport {

namespace {

template <typename Made>
void wipe(std::optional<Made>& made) {
  if (made) OPENSSL_cleanse(&made->key, sizeof made->key);
  made.reset();
}

bool fill(TicketKeys::Key& key) {
  return RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
         RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1 &&
         RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1;
}

}  // namespace

TicketKeys::~TicketKeys() {
  wipe(newest_);
  wipe(previous_);
}

/// Makes sure that the newest key is fresh, and that no key is too old.
bool TicketKeys::rotate(Clock::time_point now) {
  if (newest_ && now - newest_->at < lifetime) return true;
  Made made{.key = {}, .at = now};
  if (!fill(made.key)) return false;
  wipe(previous_);
  // After a long silence even the last key is too old to open anything.
  if (newest_ && now - newest_->at < 2 * lifetime) previous_ = newest_;
  wipe(newest_);
  newest_ = made;
  OPENSSL_cleanse(&made.key, sizeof made.key);
  return true;
}

std::optional<TicketKeys::Key> TicketKeys::newest(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!rotate(now)) return std::nullopt;
  return newest_->key;
}

std::optional<TicketKeys::Found> TicketKeys::find(const unsigned char* name,
                                                  Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!rotate(now)) return std::nullopt;
  const auto is_it = [&](const std::optional<Made>& made) {
    return made && std::memcmp(made->key.name.data(), name, name_bytes) == 0;
  };
  if (is_it(newest_)) return Found{newest_->key, false};
  if (is_it(previous_)) return Found{previous_->key, true};
  return std::nullopt;
}

}  // namespace transport
