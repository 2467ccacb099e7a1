#include "broker/input.h"

#include "broker/core/client_text.h"

namespace broker {

bool Input::keep_before_login(Connection& connection, std::size_t bytes) {
  constexpr std::size_t small_connect_bytes = 4096;
  pressure_.charge(bytes);
  if (connection.stage == Connection::Stage::awaiting_verdict) return false;
  if (connection.tail.size() <= small_connect_bytes || !pressure_.memory_is_short()) return true;
  log_.note_rarely(ClientLog::RareLine::login_memory,
                   fields_of(Event::memory_limit_refused, connection, mqtt::Reason::server_busy),
                   {"Client connection from ", client_address_text(connection),
                    " closed: memory_limit is near, and its CONNECT is large."});
  disconnects_.end(connection, WillFate::discard, CloseHow::policy);
  return true;
}

}  // namespace broker
