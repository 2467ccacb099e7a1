#include "broker/bridge/topic_map.h"

#include <algorithm>
#include <cassert>

#include "broker/wire/topic.h"

namespace bridge {
namespace {

void add(std::vector<Filter>& filters, const std::string& text, mqtt::Qos qos) {
  const auto known = std::ranges::find(filters, text, &Filter::text);
  if (known == filters.end()) {
    filters.push_back({text, qos});
  } else {
    known->qos = std::max(known->qos, qos);
  }
}

}  // namespace

std::string without_share(const std::string& filter) {
  const auto shared = mqtt::parse_shared(filter);
  return shared && *shared ? std::string((*shared)->filter.text()) : filter;
}

TopicMap::TopicMap(const std::vector<Mapping>& mappings) {
  for (const Mapping& each : mappings) {
    assert(!each.pattern.empty() || (!each.local_prefix.empty() && !each.remote_prefix.empty()));
    const std::string local = each.local_prefix + each.pattern;
    const std::string remote = each.remote_prefix + each.pattern;
    assert(mqtt::check_topic_filter(local) && mqtt::check_topic_filter(remote));
    if (each.direction != Direction::in) {
      add(local_, local, each.qos);
      out_.push_back({local, each.local_prefix, each.remote_prefix});
    }
    if (each.direction != Direction::out) {
      add(remote_, remote, each.qos);
      in_.push_back({without_share(remote), each.remote_prefix, each.local_prefix});
    }
  }
  for (std::vector<Rule>* const rules : {&out_, &in_}) {
    std::ranges::stable_partition(*rules, &Rule::renames);
  }
  for (const Mapping& each : mappings) {
    const std::string remote = each.remote_prefix + each.pattern;
    const bool subscribed = std::ranges::find(remote_, remote, &Filter::text) != remote_.end();
    const bool noted = std::ranges::find(leftovers_, remote) != leftovers_.end();
    if (!subscribed && !noted) leftovers_.push_back(remote);
  }
}

bool TopicMap::to_remote(std::string_view topic, std::string& name) const {
  return map(out_, topic, name);
}

bool TopicMap::to_local(std::string_view topic, std::string& name) const {
  return map(in_, topic, name);
}

bool TopicMap::map(const std::vector<Rule>& rules, std::string_view topic, std::string& name) {
  const auto rule = std::ranges::find_if(
      rules, [topic](const Rule& each) { return mqtt::matches(each.filter, topic); });
  if (rule == rules.end()) return false;
  // "a/#" matches "a", which the prefix "a/" is no part of.
  if (topic.starts_with(rule->cut)) topic.remove_prefix(rule->cut.size());
  name.assign(rule->put);
  name.append(topic);
  return !name.empty();
}

}  // namespace bridge
