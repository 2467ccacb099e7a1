#include "test/sim/cluster_client.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sim {
namespace {

constexpr std::uint64_t publishes_most = 40;
constexpr std::array<const char*, 3> topics = {"a/x", "a/y", "b/x"};
constexpr std::array<const char*, 5> filters = {"a/x", "a/#", "+/x", "b/x", "#"};

}  // namespace

Client::Client(std::size_t index, Events& events, Random& random, Oracle& oracle, ClientHost& host)
    : index_(index),
      id_("c" + std::to_string(index)),
      events_(events),
      random_(random),
      oracle_(oracle),
      host_(host),
      qos_(random.chance(700) ? 2 : 1) {}

bool Client::is_done() const {
  return is_accepted_ && publishes_.empty() &&
         std::ranges::all_of(wishes_, [](const auto& wish) { return wish.second.confirmed; });
}

std::string Client::state() const {
  std::string text = is_accepted_ ? "connected" : "not connected";
  for (const Publish& publish : publishes_) {
    text += ", #" + std::to_string(publish.message.counter) +
            (publish.is_received ? " waits for PUBCOMP" : " is not acknowledged");
  }
  for (const auto& [filter, wish] : wishes_) {
    if (!wish.confirmed) text += ", " + filter + " is not confirmed";
  }
  return text;
}

void Client::act() {
  keep_connected();
  if (!is_accepted_) return;
  if (random_.chance(20)) return disconnect();
  if (random_.chance(60)) {
    return subscribe(filters[random_.pick(filters.size())], true);
  }
  if (random_.chance(20)) return subscribe(filters[random_.pick(filters.size())], false);
  if (random_.chance(400)) publish();
}

void Client::rest() { keep_connected(); }

void Client::keep_connected() {
  if (!connection_) return connect();
  if (!is_accepted_ && events_.now() - connecting_since_ > 1500) {
    disconnect();
    connect();
  }
}

void Client::connect() {
  connection_ = host_.open(index_);
  connecting_since_ = events_.now();
  send({.type = Packet::Type::connect, .id = 0, .qos = 0, .filter = {}, .message = {}});
}

void Client::disconnect() {
  if (connection_) host_.leave(*connection_);
  connection_.reset();
  is_accepted_ = false;
}

void Client::closed(ConnectionName connection) {
  if (connection_ == connection) disconnect();
}

void Client::send(Packet packet) {
  if (connection_) host_.send(*connection_, std::move(packet));
}

unsigned Client::next_id() {
  const auto is_used = [&](unsigned id) {
    return std::ranges::any_of(publishes_, [&](const Publish& one) { return one.id == id; });
  };
  do {
    last_id_ = last_id_ % 20 + 1;
  } while (is_used(last_id_));
  return last_id_;
}

void Client::publish() {
  if (publishes_.size() >= 3 || counter_ == publishes_most) return;
  Publish publish;
  publish.message.publisher = id_;
  publish.message.counter = ++counter_;
  publish.message.topic = topics[random_.pick(topics.size())];
  publish.message.qos = random_.chance(600) ? 2 : 1;
  publish.id = next_id();
  oracle_.published({id_, counter_}, publish.message.topic);
  send_publish(publish);
  publishes_.push_back(std::move(publish));
}

void Client::send_publish(const Publish& publish) {
  send({.type = Packet::Type::publish,
        .id = publish.id,
        .qos = publish.message.qos,
        .filter = {},
        .message = publish.message});
}

void Client::subscribe(const std::string& filter, bool subscribed) {
  Wish& wish = wishes_[filter];
  if (wish.id != 0 && wish.subscribed == subscribed) return;
  if (!subscribed) oracle_.withdrawn(id_, filter);
  wish.subscribed = subscribed;
  send_wish(filter, wish);
}

void Client::send_wish(const std::string& filter, Wish& wish) {
  wish.confirmed = false;
  wish.id = 100 + static_cast<unsigned>(random_.pick(1'000'000));
  send({.type = wish.subscribed ? Packet::Type::subscribe : Packet::Type::unsubscribe,
        .id = wish.id,
        .qos = qos_,
        .filter = filter,
        .message = {}});
}

void Client::confirmed(unsigned id, bool subscribed) {
  for (auto& [filter, wish] : wishes_) {
    if (wish.id != id || wish.subscribed != subscribed) continue;
    wish.confirmed = true;
    if (subscribed) oracle_.promised(id_, filter);
  }
}

void Client::accepted() {
  is_accepted_ = true;
  for (const Publish& publish : publishes_) {
    if (publish.is_received) {
      answer(Packet::Type::pubrel, publish.id);
    } else {
      send_publish(publish);
    }
  }
  for (auto& [filter, wish] : wishes_) {
    if (!wish.confirmed) send_wish(filter, wish);
  }
}

void Client::answer(Packet::Type type, unsigned id) {
  send({.type = type, .id = id, .qos = 0, .filter = {}, .message = {}});
}

void Client::take_publish(const Packet& packet) {
  const unsigned qos = packet.qos;
  if (qos == 1 || held_.try_emplace(packet.id, packet.message).second) {
    oracle_.delivered(id_, packet.message, qos);
  }
  const std::int64_t delay =
      random_.chance(50) ? random_.between(200, 1500) : random_.between(0, 20);
  events_.after(delay, [this, connection = *connection_, id = packet.id, qos] {
    if (connection_ != connection) return;
    answer(qos == 2 ? Packet::Type::pubrec : Packet::Type::puback, id);
  });
}

void Client::packet(ConnectionName connection, const Packet& packet) {
  if (connection_ != connection) return;
  const auto own = std::ranges::find(publishes_, packet.id, &Publish::id);
  switch (packet.type) {
    case Packet::Type::connack:
      return accepted();
    case Packet::Type::publish:
      return take_publish(packet);
    case Packet::Type::puback:
      if (own == publishes_.end() || own->message.qos != 1) return;
      oracle_.acknowledged({id_, own->message.counter});
      publishes_.erase(own);
      return;
    case Packet::Type::pubrec:
      if (own == publishes_.end() || own->message.qos != 2) return;
      oracle_.acknowledged({id_, own->message.counter});
      own->is_received = true;
      return answer(Packet::Type::pubrel, packet.id);
    case Packet::Type::pubcomp:
      if (own != publishes_.end() && own->is_received) publishes_.erase(own);
      return;
    case Packet::Type::pubrel:
      if (const auto held = held_.find(packet.id); held != held_.end()) {
        if (!packet.is_in_doubt) oracle_.completed(id_, held->second);
        held_.erase(held);
      }
      return answer(Packet::Type::pubcomp, packet.id);
    case Packet::Type::suback:
    case Packet::Type::unsuback:
      return confirmed(packet.id, packet.type == Packet::Type::suback);
    default:
      return;
  }
}

}  // namespace sim
