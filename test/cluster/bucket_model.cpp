#include "test/cluster/bucket_model.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>
#include <utility>

#include "broker/wire/bytes.h"

namespace test {

void Bucket::put(const std::string& key, const std::string& value) {
  records[key] = value;
  changes.push_back({key, value});
}

void Bucket::erase(const std::string& key) {
  records.erase(key);
  changes.push_back({key, std::nullopt});
}

void Bucket::lose() { records.clear(); }

NodeHost::NodeHost(Bucket& bucket, cluster::Node::Options options)
    : bucket_(bucket), options_(std::move(options)), node_(options_) {}

void NodeHost::connect(broker::Instant now) {
  if (std::exchange(is_up_, true)) return;
  node_.link_up("a server", now);
  read_again(now);
}

void NodeHost::disconnect(broker::Instant now) {
  if (!std::exchange(is_up_, false)) return;
  // Those that were on their way may have come to the bucket, but nobody answers.
  requests_.clear();
  unanswered_.clear();
  node_.link_down("cut", now);
}

void NodeHost::read_again(broker::Instant now) {
  if (!is_up_) return;
  const auto before = std::exchange(known_keys_, {});
  for (const auto& [key, value] : bucket_.records) {
    known_keys_.insert(key);
    node_.record_seen(key, mqtt::as_bytes(value), now);
  }
  for (const std::string& key : before) {
    if (!known_keys_.contains(key)) node_.record_deleted(key, now);
  }
  watched_ = bucket_.changes.size();
  node_.records_are_current(now);
}

void NodeHost::add(const std::string& filter) {
  filters_.insert(filter);
  node_.filter_added(filter);
}

void NodeHost::remove(std::size_t which) {
  const auto found = std::next(filters_.begin(), static_cast<std::ptrdiff_t>(which));
  node_.filter_removed(*found);
  filters_.erase(found);
}

void NodeHost::step(broker::Instant now, Random& random, std::size_t speed) {
  node_.tick(now);
  follow_orders();
  while (!requests_.empty() && below(random, 100) < speed) write_next();
  while (is_up_ && watched_ < bucket_.changes.size() && below(random, 100) < speed) {
    watch_next(now);
  }
  for (const std::string& message : std::exchange(bucket_.messages[options_.node], {})) {
    if (is_up_) node_.heard(mqtt::as_bytes(message));  // else it is lost
  }
  follow_orders();
}

void NodeHost::leave(broker::Instant now) {
  unanswered_.clear();
  node_.leave();
  has_left_ = true;
  follow_orders();
  while (!requests_.empty()) write_next();
  node_.tick(now);
  CHECK(node_.take_orders().empty());
}

std::size_t NodeHost::lines_with(broker::Event event) const {
  return static_cast<std::size_t>(
      std::ranges::count(lines_, event, [](const auto& line) { return line.event; }));
}

void NodeHost::follow_orders() {
  for (cluster::Order& order : node_.take_orders()) {
    std::visit([this](auto& each) { follow(std::move(each)); }, order);
  }
}

void NodeHost::follow(cluster::PutRecord&& put) {
  REQUIRE(is_up_);
  REQUIRE(unanswered_.insert(put.key).second);
  ++writes_;
  requests_.push_back({put.key, std::string(mqtt::as_text(put.value.view()))});
}

void NodeHost::follow(cluster::DeleteRecord&& order) {
  if (is_up_) requests_.push_back({order.key, std::nullopt});
}

void NodeHost::follow(cluster::SubscribeSubject&& order) {
  REQUIRE(subjects_.insert(order.subject).second);
}
void NodeHost::follow(cluster::UnsubscribeSubject&& order) {
  REQUIRE(subjects_.erase(order.subject) == 1);
}
void NodeHost::follow(cluster::TellHeard&& order) {
  mqtt::ByteBuffer message;
  cluster::encode(cluster::HeardMessage{order.incarnation, order.number, options_.node}, message);
  if (is_up_) bucket_.messages[order.node].emplace_back(mqtt::as_text(message.view()));
}

void NodeHost::follow(cluster::AddRemoteFilter&& order) {
  REQUIRE(remote_filters_.insert(order.filter).second);
}
void NodeHost::follow(cluster::RemoveRemoteFilter&& order) {
  REQUIRE(remote_filters_.erase(order.filter) == 1);
}

void NodeHost::write_next() {
  const Request request = std::move(requests_.front());
  requests_.pop_front();
  if (bucket_.has_quorum && request.value) {
    bucket_.put(request.key, *request.value);
  } else if (bucket_.has_quorum) {
    bucket_.erase(request.key);
  }
  if (!request.value || has_left_) return;
  unanswered_.erase(request.key);
  if (bucket_.has_quorum) {
    node_.record_written(request.key);
  } else {
    node_.record_refused(request.key);
  }
}

void NodeHost::watch_next(broker::Instant now) {
  const Bucket::Change& change = bucket_.changes[watched_++];
  if (change.value) {
    known_keys_.insert(change.key);
    node_.record_seen(change.key, mqtt::as_bytes(*change.value), now);
  } else {
    known_keys_.erase(change.key);
    node_.record_deleted(change.key, now);
  }
}

}  // namespace test
