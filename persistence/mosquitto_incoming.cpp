#include "persistence/mosquitto_incoming.h"

#include <algorithm>
#include <utility>

#include "broker/wire/topic.h"

namespace persistence {
namespace {

bool has_wildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

}  // namespace

std::optional<mqtt::SharedFilter> parts_of(const MosquittoDb::Subscription& chunk) {
  const auto shared = mqtt::parse_shared(chunk.filter);
  if (!shared || chunk.identifier > mqtt::variable_byte_integer_max) return std::nullopt;
  if (*shared) return *shared;
  const auto filter = mqtt::TopicFilter::parse(chunk.filter);
  if (!filter) return std::nullopt;
  return mqtt::SharedFilter{{}, *filter};
}

std::uint64_t MosquittoIncoming::collect() {
  std::uint64_t packet_ids = 0;
  for (const ImportedSession& session : survey_.sessions) {
    if (!session.kept()) continue;
    for (const std::uint64_t id : session.incoming_messages) {
      const ImportedMessage* const message = survey_.expected_message(id);
      if (message != nullptr && message->usable) messages_.try_emplace(id);
    }
    packet_ids += session.incoming.size();
  }
  return packet_ids;
}

void MosquittoIncoming::read(const MosquittoDb::Chunk& chunk) {
  if (const auto* const message = std::get_if<MosquittoDb::Message>(&chunk)) {
    const auto found = messages_.find(message->id);
    if (found == messages_.end()) return;
    found->second = {std::string(message->topic), message->retain, message->payload.empty()};
  }
  if (const auto* const subscription = std::get_if<MosquittoDb::Subscription>(&chunk)) {
    remember(*subscription);
  }
}

void MosquittoIncoming::pass_on() {
  // The filters stay in place from now on.
  for (std::uint32_t i = 0; i < subscriptions_.size(); ++i) {
    const std::string& filter = subscriptions_[i].filter;
    if (has_wildcard(filter)) {
      wild_.push_back(i);
    } else {
      literal_.emplace(filter, i);
    }
  }
  for (const ImportedSession& session : survey_.sessions) {
    if (!session.kept()) continue;
    for (const std::uint64_t id : session.incoming_messages) {
      const auto found = messages_.find(id);
      if (found != messages_.end()) pass_on(session, id, found->second);
    }
  }
}

void MosquittoIncoming::remember(const MosquittoDb::Subscription& chunk) {
  const auto parts = parts_of(chunk);
  if (!survey_.session_of(chunk.client_id).kept() || !parts) return;
  Subscription known;
  known.session = survey_.index_of(chunk.client_id);
  known.identifier = chunk.identifier;
  known.filter = parts->filter.text();
  known.qos = chunk.qos;
  known.no_local = chunk.no_local;
  known.retain_as_published = chunk.retain_as_published;
  if (!parts->share_name.empty()) {
    std::pair group(std::string(parts->share_name), known.filter);
    // One member of a group gets the message: the first.
    if (std::ranges::find(survey_.groups, group) != survey_.groups.end()) return;
    survey_.groups.push_back(std::move(group));
    known.group = static_cast<std::uint32_t>(survey_.groups.size());
  }
  subscriptions_.push_back(std::move(known));
}

void MosquittoIncoming::pass_on(const ImportedSession& publisher, std::uint64_t id,
                                const Message& message) {
  const auto [first, last] = literal_.equal_range(message.topic);
  for (auto each = first; each != last; ++each) {
    offer(subscriptions_[each->second], publisher, id, message);
  }
  for (const std::uint32_t each : wild_) {
    if (mqtt::matches(subscriptions_[each].filter, message.topic)) {
      offer(subscriptions_[each], publisher, id, message);
    }
  }
  if (message.retain && !message.topic.starts_with("$SYS/")) {
    newly_retained_[message.topic] = message.clears ? 0 : id;
    if (ImportedMessage* const entry = survey_.message(id); !message.clears) entry->retained = true;
  }
}

void MosquittoIncoming::offer(const Subscription& known, const ImportedSession& publisher,
                              std::uint64_t id, const Message& message) {
  ImportedSession& entry = survey_.sessions[known.session];
  if (known.qos == 0 || (known.no_local && &entry == &publisher)) return;
  if (options_.may_receive &&
      !options_.may_receive(options_.place_of(entry.listener_port).listener, entry.user_name,
                            entry.client_id, message.topic)) {
    return;
  }
  // A second subscription of the same client adds its identifier, and may raise the QoS.
  const bool again = known.group == 0 && !entry.waiting.empty() &&
                     entry.waiting.back().message_id == id && !entry.waiting.back().sent &&
                     entry.waiting.back().group == 0;
  if (!again) {
    ImportedDelivery waiting;
    waiting.message_id = id;
    waiting.group = known.group;
    entry.waiting.push_back(waiting);
  }
  ImportedDelivery& waiting = entry.waiting.back();
  waiting.qos = std::max(waiting.qos, known.qos);
  waiting.retain = waiting.retain || (known.retain_as_published && message.retain);
  if (known.identifier != 0) survey_.add_identifier(waiting, known.identifier);
}

bool MosquittoIncoming::replaces_retained(std::string_view topic, std::uint64_t id) const {
  if (newly_retained_.empty()) return false;
  const auto newer = newly_retained_.find(std::string(topic));
  return newer != newly_retained_.end() && newer->second != id;
}

}  // namespace persistence
