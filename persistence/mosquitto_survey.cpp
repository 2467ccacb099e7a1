#include "persistence/mosquitto_survey.h"

#include <algorithm>
#include <unordered_set>

#include "broker/wire/cursor.h"
#include "broker/wire/properties.h"
#include "broker/wire/topic.h"

namespace persistence {
namespace {

using State = MosquittoDb::State;

/// Whether a message can be imported; its properties are checked as those of a PUBLISH are.
bool well_formed(const MosquittoDb::Message& message) {
  if (!mqtt::TopicName::parse(message.topic)) return false;
  mqtt::PropertyReader reader(message.properties, mqtt::PropertyPlace::publish);
  mqtt::Property property;
  for (;;) {
    const auto more = reader.next(property);
    if (!more) return false;
    if (!*more) return true;
  }
}

}  // namespace

void MosquittoSurvey::see(const MosquittoDb::Chunk& chunk, std::uint64_t end_offset) {
  end_offset_ = end_offset;
  std::visit([this](const auto& each) { see(each); }, chunk);
}

void MosquittoSurvey::see(const MosquittoDb::Message& chunk) {
  ImportedMessage entry;
  entry.id = chunk.id;
  entry.offset = end_offset_;
  const std::int64_t expires_ms = chunk.expires_s * 1000;
  if (!well_formed(chunk)) {
    entry.usable = false;
    ++left_out_.ill_formed;
  } else if (chunk.expires_s != 0 && expires_ms <= now_milliseconds_) {
    entry.usable = false;
    ++left_out_.expired_messages;
  }
  messages_.push_back(entry);
}

void MosquittoSurvey::see(const MosquittoDb::Session& chunk) {
  ImportedSession& entry = session_of(chunk.client_id);
  entry.user_name = chunk.user_name;
  entry.listener_port = chunk.listener_port;
  entry.last_packet_id = chunk.last_packet_id;
  entry.expiry_interval_s = chunk.expiry_interval_s;
  entry.expires_s = chunk.expires_s;
}

void MosquittoSurvey::see(const MosquittoDb::Delivery& chunk) {
  ImportedSession& entry = session_of(chunk.client_id);
  if (chunk.from_client) {
    // Otherwise PUBREC was not sent yet, or PUBREL has come: nothing hangs on it here.
    if (chunk.qos != 2 || chunk.state != State::wait_for_pubrel || chunk.packet_id == 0) return;
    entry.incoming.push_back(chunk.packet_id);
    entry.incoming_messages.push_back(chunk.message_id);
    return;
  }
  ImportedDelivery waiting;
  waiting.message_id = chunk.message_id;
  waiting.packet_id = chunk.packet_id;
  waiting.qos = chunk.qos;
  waiting.retain = chunk.retain;
  const bool in_flight = chunk.state == State::wait_for_puback ||
                         chunk.state == State::wait_for_pubrec ||
                         (chunk.dup && chunk.state != State::queued);
  waiting.released = chunk.qos == 2 && (chunk.state == State::resend_pubrel ||
                                        chunk.state == State::wait_for_pubcomp);
  waiting.sent = chunk.qos != 0 && chunk.packet_id != 0 && (in_flight || waiting.released);
  waiting.released = waiting.released && waiting.sent;
  mqtt::Cursor cursor(chunk.properties);
  mqtt::Property property;
  while (mqtt::take_property(cursor, property)) {
    if (property.id != mqtt::PropertyId::subscription_identifier || property.number == 0) continue;
    add_identifier(waiting, property.number);
  }
  entry.waiting.push_back(waiting);
}

void MosquittoSurvey::add_identifier(ImportedDelivery& delivery, std::uint32_t identifier) {
  const std::size_t end = delivery.first_identifier + delivery.identifier_count;
  if (delivery.identifier_count == 0 || end != identifiers.size()) {
    // Others came in between: those that it has move behind them.
    const auto first = static_cast<std::uint32_t>(identifiers.size());
    for (std::uint32_t i = 0; i < delivery.identifier_count; ++i) {
      identifiers.push_back(identifiers[delivery.first_identifier + i]);
    }
    delivery.first_identifier = first;
  }
  identifiers.push_back(identifier);
  ++delivery.identifier_count;
}

std::uint32_t MosquittoSurvey::index_of(std::string_view client_id) {
  if (const auto found = by_client_id_.find(client_id); found != by_client_id_.end()) {
    return found->second;
  }
  sessions.emplace_back().client_id = client_id;
  const auto index = static_cast<std::uint32_t>(sessions.size() - 1);
  by_client_id_.emplace(sessions.back().client_id, index);
  return index;
}

ImportStep<void> MosquittoSurvey::sort_messages() {
  std::ranges::sort(messages_, {}, &ImportedMessage::id);
  const auto twice = std::ranges::adjacent_find(messages_, {}, &ImportedMessage::id);
  if (twice == messages_.end()) return {};
  const std::uint64_t offset = std::max(twice->offset, std::next(twice)->offset);
  const MosquittoDamage damage{offset, "expected each message once, found the id " +
                                           std::to_string(twice->id) +
                                           " a second time in the chunk that ends here"};
  return std::unexpected(ImportStop{damage.sentence()});
}

ImportedMessage* MosquittoSurvey::message(std::uint64_t id) {
  const auto found = std::ranges::lower_bound(messages_, id, {}, &ImportedMessage::id);
  return found != messages_.end() && found->id == id ? &*found : nullptr;
}

ImportedMessage* MosquittoSurvey::expected_message(std::uint64_t id) {
  ImportedMessage* const found = message(id);
  if (found == nullptr) ++left_out_.missing_messages;
  return found;
}

void MosquittoSurvey::mark_retained() {
  for (const std::uint64_t id : retained_) {
    if (ImportedMessage* const retained = expected_message(id)) retained->retained = true;
  }
}

void MosquittoSurvey::resolve(ImportedSession& session) {
  std::erase_if(session.waiting, [this](const ImportedDelivery& waiting) {
    if (waiting.released) return false;
    ImportedMessage* const its = expected_message(waiting.message_id);
    if (its == nullptr || !its->usable) return true;
    its->wanted = true;
    return false;
  });
  // An identifier that stands twice was given to the first.
  std::unordered_set<std::uint16_t> used;
  for (ImportedDelivery& waiting : session.waiting) {
    if (waiting.sent && !used.insert(waiting.packet_id).second) {
      waiting.sent = waiting.released = false;
      ImportedMessage* const its = message(waiting.message_id);
      if (its != nullptr && its->usable) its->wanted = true;
    }
  }
}

}  // namespace persistence
