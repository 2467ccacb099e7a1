#include "broker/bridge/introduction.h"

#include <algorithm>
#include <cassert>
#include <string>

namespace bridge {

using mqtt::Qos;

bool Introduction::prepare_here(Instant now) {
  assert(local_.connected());
  // Retained messages come with subscribe_here(), when they can cross.
  answers_due_ = subscribe_local(mqtt::RetainHandling::do_not_send, Qos::exactly_once, now);
  return answers_due_ != 0;
}

bool Introduction::prepared_here() noexcept {
  if (answers_due_ == 0) return false;
  --answers_due_;
  return answers_due_ == 0;
}

void Introduction::subscribe_here(Instant now) const {
  assert(local_.connected() && remote_.connected());
  static_cast<void>(subscribe_local(mqtt::RetainHandling::send, remote_.terms().maximum_qos, now));
}

std::size_t Introduction::subscribe_local(mqtt::RetainHandling retained, Qos qos_max,
                                          Instant now) const {
  std::size_t answers = 0;
  for (const Filter& each : map_.local_filters()) {
    mqtt::Subscribe packet;
    const bool shared = each.text.starts_with("$share/");  // may not say No Local [MQTT-3.8.3-4]
    packet.entries = {{.filter = each.text,
                       .qos = std::min(each.qos, qos_max),
                       .no_local = !shared,
                       .retain_as_published = true,
                       .retain_handling = retained}};
    const auto accepted = local_.subscribe(packet, {}, now);
    if (accepted == client::Accepted::accepted) ++answers;
  }
  for (const std::string& each : options_.local_leftovers) {
    const auto accepted = local_.unsubscribe({.filters = {each}}, {}, now);
    if (accepted == client::Accepted::accepted) ++answers;
  }
  return answers;
}

/// One filter a packet: some brokers take no more than a few in one.
void Introduction::subscribe_there(Instant now) const {
  assert(remote_.connected());
  const bool v5 = options_.version == mqtt::Version::v5_0;
  for (const Filter& each : map_.remote_filters()) {
    mqtt::Subscribe packet;
    const bool shared = each.text.starts_with("$share/");
    packet.entries = {{.filter = each.text,
                       .qos = std::min(each.qos, remote_.terms().maximum_qos),
                       .no_local = v5 && !shared,
                       .retain_as_published = v5}};
    static_cast<void>(remote_.subscribe(packet, {}, now));
  }
  for (const std::string& each : options_.remote_leftovers) {
    static_cast<void>(remote_.unsubscribe({.filters = {each}}, {}, now));
  }
  if (!options_.unsubscribes_leftovers) return;
  for (const std::string& each : map_.remote_leftovers()) {
    static_cast<void>(remote_.unsubscribe({.filters = {each}}, {}, now));
  }
}

void Introduction::notify_here(Instant now) const {
  const client::Terms& terms = local_.terms();
  notify(local_, std::min(Qos::at_least_once, terms.maximum_qos), terms.retain_available, now);
}

void Introduction::notify_there(Instant now) const {
  const client::Terms& terms = remote_.terms();
  // A window of one is left to the messages that cross.
  const Qos qos_max = terms.receive_maximum > 1 ? Qos::at_least_once : Qos::at_most_once;
  notify(remote_, std::min(qos_max, terms.maximum_qos), terms.retain_available && options_.retains,
         now);
}

void Introduction::notify(client::Client& client, Qos qos, bool retain, Instant now) const {
  assert(client.connected());
  const client::Publication publication = {.topic = options_.notification_topic,
                                           .payload = mqtt::as_bytes("1"),
                                           .qos = qos,
                                           .retain = retain};
  static_cast<void>(client.publish(publication, {}, now));
}

}  // namespace bridge
