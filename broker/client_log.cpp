#include "broker/client_log.h"

#include <string>

#include "broker/core/client_text.h"

namespace broker {

// Nothing of this event follows from a PUBLISH of the one before.
void ClientLog::enter_traced() {
  watches_ = true;
  tracer_.end_publish();
}

void ClientLog::note(LogType type, const LogFields& fields,
                     std::initializer_list<std::string_view> pieces,
                     const std::source_location& place) {
  rates_.write(log_, type, fields, pieces, turn_.now(), place);
}

void ClientLog::note_rarely(RareLine kind, const LogFields& fields,
                            std::initializer_list<std::string_view> pieces,
                            const std::source_location& place) {
  const auto held_back = rare_[static_cast<std::size_t>(kind)].admit(turn_.now());
  if (!held_back) return;
  note(LogType::notice, fields, pieces, place);
  if (*held_back > 0) {
    note(LogType::notice, {.event = Event::lines_held_back},
         {std::to_string(*held_back), " more lines of this kind before it."});
  }
}

void ClientLog::note_received(const Connection& connection, const mqtt::Frame& frame) {
  tracer_.end_publish();
  if (!debug_) return;
  const std::string line = received_line(connection, frame);
  if (!line.empty()) note(LogType::debug, {line});
}

void ClientLog::note_sent(const Connection& connection, mqtt::Bytes packet) {
  note(LogType::debug, {sent_line(connection, packet)});
}

}  // namespace broker
