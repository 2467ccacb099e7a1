#include "test/sim/cluster_oracle.h"

#include <algorithm>

#include "broker/wire/topic.h"

namespace sim {
namespace {

std::string text_of(const Copy& copy) {
  return copy.publisher + "#" + std::to_string(copy.counter);
}

}  // namespace

void Oracle::fault(std::string text) {
  faults_.push_back(std::to_string(events_.now()) + " ms: " + std::move(text));
}

void Oracle::published(const Name& name, const std::string& topic) {
  Message& message = messages_[name];
  message.topic = topic;
  message.at = events_.now();
}

void Oracle::accepted(const Copy& copy) {
  Message& message = messages_[{copy.publisher, copy.counter}];
  if (copy.qos == 2 && message.accepted) {
    ++repeated_twos;
    if (!allows_twos_twice && !lost_its_node(copy.publisher, *message.accepted)) {
      fault("QoS 2 was taken twice, and no node of the publisher died: " + text_of(copy));
    }
  }
  if (!message.accepted) message.accepted = events_.now();
}

void Oracle::promised(const std::string& session, const std::string& filter) {
  sessions_[session].promises.try_emplace(filter, events_.now());
}

void Oracle::withdrawn(const std::string& session, const std::string& filter) {
  sessions_[session].promises.erase(filter);
}

void Oracle::began(const std::string& session, std::uint64_t epoch) {
  Session& known = sessions_[session];
  if (epoch <= known.epoch) fault("two nodes began one epoch of " + session);
  known.epoch = std::max(known.epoch, epoch);
  ++takeovers;
}

void Oracle::holds(const std::string& session, cluster::MemberId member) {
  auto& holders = sessions_[session].holders;
  if (holders.empty() || holders.back().first != member) {
    holders.emplace_back(member, events_.now());
  }
}

void Oracle::sends(const std::string& session, std::uint64_t epoch) {
  if (epoch < sessions_[session].epoch) {
    fault("a node delivers to " + session + " after another began");
  }
}

void Oracle::died(cluster::MemberId member) {
  died_[member] = events_.now();
  ++deaths;
}

/// Whether a node died since then that had the session at that time or later.
bool Oracle::lost_its_node(const std::string& session, std::int64_t since) {
  const auto& holders = sessions_[session].holders;
  for (std::size_t i = 0; i < holders.size(); ++i) {
    if (i + 1 < holders.size() && holders[i + 1].second < since) continue;
    const auto died = died_.find(holders[i].first);
    if (died != died_.end() && died->second >= since) return true;
  }
  return false;
}

bool Oracle::is_owed(const Session& session, const Message& message) {
  return std::ranges::any_of(session.promises, [&](const auto& promise) {
    return promise.second < message.at && mqtt::matches(promise.first, message.topic);
  });
}

void Oracle::check_order(const std::string& session, const Copy& copy) {
  Session& known = sessions_[session];
  if (!is_owed(known, messages_[{copy.publisher, copy.counter}])) return;
  if (!known.got_by_run.emplace(copy.publisher, copy.run, copy.counter).second) return;
  std::uint64_t& last = known.last[{copy.publisher, copy.run, copy.topic}];
  if (copy.counter < last) {
    fault(session + " got " + text_of(copy) + " behind #" + std::to_string(last));
  }
  last = std::max(last, copy.counter);
}

void Oracle::delivered(const std::string& session, const Copy& copy, unsigned qos) {
  ++deliveries;
  Session& known = sessions_[session];
  check_order(session, copy);
  known.got.emplace(copy.publisher, copy.counter);
  const auto [place, is_first] =
      known.copies.try_emplace({copy.run, copy.number}, Delivery{.at = events_.now()});
  if (is_first || qos != 2) return;
  ++repeated_twos;
  if (allows_twos_twice) return;
  const Delivery& before = place->second;
  if (before.completed) {
    fault(session + " got a message of QoS 2 again that was completed: " + text_of(copy));
  } else if (!lost_its_node(session, before.at)) {
    fault(session + " got a message of QoS 2 twice, and no node of it died: " + text_of(copy));
  }
}

void Oracle::completed(const std::string& session, const Copy& copy) {
  sessions_[session].copies[{copy.run, copy.number}].completed = true;
}

bool Oracle::has_all() const {
  return std::ranges::all_of(sessions_, [&](const auto& entry) {
    return std::ranges::all_of(messages_, [&](const auto& message) {
      return !message.second.acknowledged || !is_owed(entry.second, message.second) ||
             entry.second.got.contains(message.first);
    });
  });
}

void Oracle::check_all() {
  for (const auto& [id, session] : sessions_) {
    for (const auto& [name, message] : messages_) {
      if (!message.acknowledged || !is_owed(session, message) || session.got.contains(name)) {
        continue;
      }
      fault(id + " never got " + name.first + "#" + std::to_string(name.second) +
            ", which was acknowledged");
    }
  }
}

}  // namespace sim
