#include "broker/server/cluster/cluster_port.h"

#include <utility>

#include "broker/cluster/envelope.h"
#include "broker/cluster/subject.h"
#include "broker/shard.h"
#include "broker/shard_links.h"
#include "transport/loops.h"
#include "transport/nats/nats_link.h"

namespace server {

void ClusterPort::open(broker::Shard& shard) {
  own_ = shard.links().add(*this, broker::LinkReach::shard);
}

void ClusterPort::change_filter(broker::Shard& shard, const RemoteFilterChange& change) {
  if (change.added) {
    shard.links().subscribe(own_, change.filter, mqtt::Qos::exactly_once);
  } else {
    shard.links().unsubscribe(own_, change.filter);
  }
}

bool ClusterPort::room() const noexcept {
  const bool room = nats_.pending_bytes() < full_bytes;
  if (!room) was_full_ = true;
  return room;
}

bool ClusterPort::take_room() noexcept {
  if (!was_full_.exchange(false)) return false;
  // Looked at after that: a room() that says no meanwhile is not forgotten.
  if (nats_.pending_bytes() < full_bytes / 2) return true;
  was_full_ = true;
  return false;
}

void ClusterPort::send(const broker::MessageView& message, mqtt::Qos qos) {
  cluster::Envelope envelope{message, sender_, ++number_};
  envelope.message.qos = qos;
  subject_.clear();
  const bool is_long = !cluster::subject_of_topic(prefix_, message.topic, subject_);
  envelope_.clear();
  // Few messages expire: the clock is asked for them only.
  const broker::Instant now = message.expires ? transport::Loops::now() : broker::Instant{};
  cluster::encode(envelope, is_long, now, envelope_);
  using Published = transport::NatsLink::Published;
  switch (nats_.publish(subject_, envelope_.view())) {
    case Published::queued:
    case Published::full:
      ++sent_;
      break;
    case Published::dropped:
      ++found_no_room_;
      break;
    case Published::too_large:
      ++too_large_;
      break;
  }
}

bool ClusterPort::receive(broker::SharedMessage message) {
  const std::scoped_lock lock(mutex_);
  const std::size_t bytes = sizeof message + message.topic_size + message.properties_size +
                            std::size_t{message.payload_size};
  if (inbox_bytes_ + bytes > inbox_bytes_max) {
    ++dropped_received_;
    return false;
  }
  inbox_bytes_ += bytes;
  inbox_.push_back(std::move(message));
  return !std::exchange(is_called_, true);
}

bool ClusterPort::deliver(broker::Shard& shard, broker::Instant now) {
  if (next_ == taken_.size()) {
    taken_.clear();
    next_ = 0;
    const std::scoped_lock lock(mutex_);
    taken_.swap(inbox_);
    inbox_bytes_ = 0;
    is_called_ = !taken_.empty();
  }
  for (std::size_t done = 0; next_ < taken_.size(); ++done) {
    if (done == deliver_max) return true;
    broker::SharedMessage& message = taken_[next_++];
    if (message.expires) message.expires = after_milliseconds(now, message.expires->milliseconds);
    shard.links().publish_from(own_, message.view(), now);
    message = {};
  }
  // More may have come: the next call looks.
  return !taken_.empty();
}

}  // namespace server
