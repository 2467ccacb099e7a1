#include "broker/cluster/remote_nodes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/core/text.h"

namespace cluster {

RemoteNodes::RemoteNodes(std::string own_name, std::int64_t dead_after_milliseconds)
    : own_name_(std::move(own_name)), dead_after_milliseconds_(dead_after_milliseconds) {}

RemoteNodes::Known* RemoteNodes::find_or_make(std::string_view name, Orders& orders) {
  const auto found = nodes_.find(name);
  if (found != nodes_.end()) return &found->second;
  if (nodes_.size() < nodes_max) return &nodes_[std::string(name)];
  if (!std::exchange(too_many_told_, true)) {
    orders.emplace_back(
        LogLine{broker::LogType::error, broker::Event::cluster_record_refused,
                broker::concat({"Cluster: more than ", std::to_string(nodes_max),
                                " other nodes, node ", name, " and more are left out"})});
  }
  return nullptr;
}

void RemoteNodes::beat_seen(std::string_view name, const AliveRecord& record, Orders& orders) {
  Known* const node = find_or_make(name, orders);
  if (node == nullptr) return;
  node->has_alive_record = true;
  node->is_unreadable = false;
  if (record.leaving) {
    if (node->state == State::live) end_run(name, *node, "left", orders);
    node->state = State::left;
    node->alive = record;
    return;
  }
  const bool is_same_run = record.incarnation == node->alive.incarnation;
  if (node->state != State::unknown && is_same_run && record.beat == node->alive.beat) return;
  if (node->state == State::live && !is_same_run) {
    ended_runs_.push_back(node->alive.incarnation);
    orders.emplace_back(LogLine{broker::LogType::notice, broker::Event::cluster_node_joined,
                                broker::concat({"Cluster: node ", name, " started again"})});
  } else if (node->state != State::live) {
    orders.emplace_back(LogLine{broker::LogType::notice, broker::Event::cluster_node_joined,
                                broker::concat({"Cluster: node ", name, " joined"})});
  }
  if (!is_same_run) node->told_number = node->heard_number = 0;
  node->state = State::live;
  node->alive = record;
  node->silent_milliseconds = 0;
  apply(name, *node, orders);
}

void RemoteNodes::filters_seen(std::string_view name, FiltersRecord record, Orders& orders) {
  Known* const node = find_or_make(name, orders);
  if (node == nullptr) return;
  node->has_filters_record = true;
  node->filters = std::move(record);
  apply(name, *node, orders);
}

void RemoteNodes::record_deleted(const RecordKey& key) {
  const auto found = nodes_.find(key.node);
  if (found == nodes_.end()) return;
  Known& node = found->second;
  (key.kind == RecordKind::alive ? node.has_alive_record : node.has_filters_record) = false;
  if (node.state != State::live && !node.has_alive_record && !node.has_filters_record) {
    nodes_.erase(found);
  }
}

void RemoteNodes::record_refused(const RecordKey& key, std::string_view fault, Orders& orders) {
  Known* const node = find_or_make(key.node, orders);
  if (node == nullptr) return;
  (key.kind == RecordKind::alive ? node->has_alive_record : node->has_filters_record) = true;
  if (std::exchange(node->is_unreadable, true)) return;
  orders.emplace_back(LogLine{
      broker::LogType::warning, broker::Event::cluster_record_refused,
      broker::concat({"Cluster: a record of node ", key.node, " cannot be read: ", fault})});
}

void RemoteNodes::age(std::int64_t milliseconds, Orders& orders) {
  for (auto entry = nodes_.begin(); entry != nodes_.end();) {
    auto& [name, node] = *entry;
    node.silent_milliseconds += milliseconds;
    if (node.state == State::live && node.silent_milliseconds >= dead_after_milliseconds_) {
      end_run(name, node, "is silent and counts as dead", orders);
      if (!node.has_alive_record && !node.has_filters_record) {
        entry = nodes_.erase(entry);
        continue;
      }
    }
    ++entry;
  }
}

void RemoteNodes::begin_hearing() {
  for (auto& [name, node] : nodes_) node.silent_milliseconds = 0;
}

void RemoteNodes::delete_old_records(Orders& orders) {
  for (const auto& [name, node] : nodes_) {
    if (node.state == State::live && name < own_name_) return;
  }
  for (auto& [name, node] : nodes_) {
    // What cannot be read may be of a later version, whose nodes look after it.
    if (node.state == State::live || node.is_unreadable) continue;
    if (node.silent_milliseconds < dead_after_milliseconds_) continue;
    node.silent_milliseconds = 0;
    if (node.has_alive_record) {
      orders.emplace_back(DeleteRecord{record_key(name, RecordKind::alive)});
    }
    if (node.has_filters_record) {
      orders.emplace_back(DeleteRecord{record_key(name, RecordKind::filters)});
    }
  }
}

void RemoteNodes::end_run(std::string_view name, Known& node, std::string_view reason,
                          Orders& orders) {
  node.state = State::left;
  node.silent_milliseconds = 0;
  ended_runs_.push_back(node.alive.incarnation);
  apply(name, node, orders);
  orders.emplace_back(LogLine{broker::LogType::notice, broker::Event::cluster_node_left,
                              broker::concat({"Cluster: node ", name, " ", reason})});
}

void RemoteNodes::apply(std::string_view name, Known& node, Orders& orders) {
  std::vector<std::string> filters;
  const bool counts =
      node.state == State::live && node.filters.incarnation == node.alive.incarnation;
  if (counts) {
    filters = node.filters.filters;
    std::ranges::sort(filters);
    const auto repeats = std::ranges::unique(filters);
    filters.erase(repeats.begin(), repeats.end());
  }
  // A prefix comes before the filters go for which it stands.
  std::vector<std::string> changed;
  std::ranges::set_difference(filters, node.told, std::back_inserter(changed));
  for (const std::string& filter : changed) want(filter, orders);
  changed.clear();
  std::ranges::set_difference(node.told, filters, std::back_inserter(changed));
  for (const std::string& filter : changed) want_no_more(filter, orders);
  node.told = std::move(filters);
  if (!counts || node.filters.number == node.told_number) return;
  node.told_number = node.filters.number;
  orders.emplace_back(TellHeard{std::string(name), node.alive.incarnation, node.told_number});
}

void RemoteNodes::heard(std::string_view name, std::uint64_t number) {
  const auto found = nodes_.find(name);
  if (found == nodes_.end()) return;
  found->second.heard_number = std::max(found->second.heard_number, number);
}

bool RemoteNodes::all_have_heard(std::uint64_t number) const noexcept {
  return std::ranges::all_of(nodes_, [&](const auto& entry) {
    return entry.second.state != State::live || entry.second.heard_number >= number;
  });
}

void RemoteNodes::want(const std::string& filter, Orders& orders) {
  if (++wanted_[filter] == 1) orders.emplace_back(AddRemoteFilter{filter});
}

void RemoteNodes::want_no_more(const std::string& filter, Orders& orders) {
  const auto found = wanted_.find(filter);
  if (--found->second > 0) return;
  wanted_.erase(found);
  orders.emplace_back(RemoveRemoteFilter{filter});
}

std::vector<Incarnation> RemoteNodes::take_ended_runs() { return std::exchange(ended_runs_, {}); }

std::vector<RemoteNodes::View> RemoteNodes::view() const {
  std::vector<View> views;
  for (const auto& [name, node] : nodes_) {
    views.push_back({name, node.state, node.alive.incarnation, node.silent_milliseconds,
                     node.told.size(), node.alive.figures});
  }
  return views;
}

std::size_t RemoteNodes::live() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      nodes_, [](const auto& entry) { return entry.second.state == State::live; }));
}

}  // namespace cluster
