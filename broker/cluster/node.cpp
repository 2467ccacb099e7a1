#include "broker/cluster/node.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "broker/cluster/subject.h"
#include "broker/core/text.h"

namespace cluster {
namespace {

using broker::Event;
using broker::Instant;
using broker::LogType;

/// A run that ended without a word is waited for as long: one that lives beats meanwhile.
constexpr std::int64_t beats_before_claim = 3;

/// A node hears the others for so many beats after its own came back to it.
constexpr std::int64_t beats_heard = 3;

/// Text of a line about dropped messages: which, and what helps.
std::string_view drop_text(DropReason reason) noexcept {
  switch (reason) {
    case DropReason::too_large:
      return "too large for NATS, whose max_payload is to be raised";
    case DropReason::queue_full:
      return "queue full, NATS or the network is too slow";
    case DropReason::malformed:
    case DropReason::count:
      break;
  }
  return "not in the form of this version";
}

}  // namespace

Node::Node(Options options)
    : options_(std::move(options)),
      announcer_({.node_name = options_.node,
                  .subject_prefix = prefix_of_cluster(options_.cluster),
                  .incarnation = options_.incarnation,
                  .write_interval_milliseconds = options_.write_interval_milliseconds,
                  .limits = options_.limits}),
      others_(options_.node, options_.dead_after_milliseconds) {
  assert(is_name(options_.node));
}

void Node::say(LogType type, Event event, std::initializer_list<std::string_view> text) {
  orders_.emplace_back(LogLine{type, event, "Cluster: " + broker::concat(text)});
}

void Node::messages_dropped(DropReason reason, std::uint64_t count, std::string_view detail,
                            Instant now) {
  std::uint64_t& total = dropped_[static_cast<std::size_t>(reason)];
  total += count;
  const std::string line =
      broker::concat({std::to_string(total), " messages between nodes were dropped so far, ",
                      drop_text(reason), ": ", broker::cut(detail)});
  if (lines_.admit(Event::cluster_message_dropped, static_cast<std::uint8_t>(reason), line, now)) {
    say(LogType::warning, Event::cluster_message_dropped, {line});
  }
}

void Node::link_up(std::string_view server, Instant /*now*/) {
  link_is_up_ = true;
  is_current_ = false;
  lines_.clear(Event::cluster_link_failed, 0);
  say(LogType::notice, Event::cluster_connected, {"connected to ", broker::cut(server)});
}

void Node::link_down(std::string_view reason, Instant /*now*/) {
  if (std::exchange(link_is_up_, false)) {
    say(LogType::warning, Event::cluster_disconnected,
        {"connection to NATS lost, messages to other nodes wait, and those of others are lost, "
         "until it is back: ",
         broker::cut(reason)});
  }
  is_current_ = false;
  writing_beat_ = false;
  heard_until_ = never_heard;
  announcer_.link_down();
}

void Node::link_failed(std::string_view fault, Instant now) {
  const std::string text = broker::cut(fault);
  if (!lines_.admit(Event::cluster_link_failed, 0, text, now)) return;
  say(LogType::warning, Event::cluster_link_failed, {text});
}

void Node::bucket_failed(std::string_view fault, Instant now) {
  const std::string text = broker::cut(fault);
  if (!lines_.admit(Event::cluster_bucket_failed, 0, text, now)) return;
  say(LogType::warning, Event::cluster_bucket_failed, {text});
}

void Node::record_seen(std::string_view key, mqtt::Bytes value, Instant now) {
  const auto name = parse_record_key(key);
  if (!name) return;
  const bool is_own = name->node == options_.node;
  if (name->kind == RecordKind::filters) {
    if (is_own) return announcer_.record_seen(value);
    auto record = decode_filters(value);
    if (!record) return others_.record_refused(*name, record.error(), orders_);
    return others_.filters_seen(name->node, *std::move(record), orders_);
  }
  const auto record = decode_alive(value);
  if (!is_own) {
    if (!record) return others_.record_refused(*name, record.error(), orders_);
    return others_.beat_seen(name->node, *record, orders_);
  }
  if (record && record->incarnation == options_.incarnation) return own_beat_seen(now);
  rival_seen(record.value_or(AliveRecord{}), now);
}

void Node::record_deleted(std::string_view key, Instant now) {
  const auto name = parse_record_key(key);
  if (!name) return;
  if (name->node != options_.node) return others_.record_deleted(*name);
  if (name->kind == RecordKind::filters) return announcer_.record_outdated();
  rival_.exists = false;
  next_beat_ = std::min(next_beat_, now);
}

void Node::records_are_current(Instant now) {
  if (!link_is_up_) return;
  is_current_ = true;
  lines_.clear(Event::cluster_bucket_failed, 0);
  others_.begin_hearing();
  announcer_.records_are_current();
  next_beat_ = std::min(next_beat_, now);
}

void Node::heard(mqtt::Bytes message) {
  const auto heard = decode_heard(message);
  if (heard && heard->incarnation == options_.incarnation)
    others_.heard(heard->node, heard->number);
}

void Node::record_written(std::string_view key) {
  const auto name = parse_record_key(key);
  if (!name || name->node != options_.node) return;
  if (name->kind == RecordKind::filters) return announcer_.record_written();
  writing_beat_ = false;
}

void Node::record_refused(std::string_view key) {
  const auto name = parse_record_key(key);
  if (!name || name->node != options_.node) return;
  if (name->kind == RecordKind::filters) return announcer_.record_refused();
  writing_beat_ = false;
}

void Node::own_beat_seen(Instant now) {
  // One that was on its way when this node gave way proves nothing, and ends no other's claim.
  if (membership_ == MemberState::member) beat_heard(now);
}

void Node::beat_heard(Instant now) {
  heard_until_ = broker::after_milliseconds(now, beats_heard * options_.beat_milliseconds);
}

void Node::rival_seen(const AliveRecord& record, Instant now) {
  if (record.leaving) {
    rival_.exists = false;
    return;
  }
  const bool is_same = record == rival_.alive;
  // The one that this node waited for is seen once more where the records are read anew.
  if (membership_ == MemberState::member && is_same) return;
  if (!is_same && (rival_.exists || membership_ == MemberState::member)) rival_.moved = true;
  if (!is_same || !rival_.exists) rival_.silent_milliseconds = 0;
  if (!is_same && rival_.exists) beat_heard(now);
  rival_.exists = true;
  rival_.alive = record;
  if (membership_ != MemberState::member) return;
  const bool settled = now >= settled_from_;
  const bool rival_stays =
      record.settled != settled ? record.settled : record.incarnation < options_.incarnation;
  if (!rival_stays) {
    next_beat_ = std::min(next_beat_, now);
    return;
  }
  give_way();
}

void Node::give_way() {
  if (std::exchange(membership_, MemberState::name_taken) == MemberState::name_taken) return;
  say(LogType::error, Event::cluster_name_taken,
      {"another broker is in the cluster under the name ", options_.node,
       ": give each node a name of its own with cluster_node. This one stays outside until the "
       "other one ends"});
}

void Node::wait_for_name(std::int64_t elapsed_milliseconds, Instant now) {
  if (!rival_.exists) return become_member(now);
  if (rival_.moved) give_way();
  rival_.silent_milliseconds += elapsed_milliseconds;
  const std::int64_t wait = membership_ == MemberState::name_taken
                                ? options_.dead_after_milliseconds
                                : beats_before_claim * options_.beat_milliseconds;
  if (rival_.silent_milliseconds >= wait) become_member(now);
}

void Node::become_member(Instant now) {
  membership_ = MemberState::member;
  rival_.exists = false;
  rival_.moved = false;
  settled_from_ = broker::after_milliseconds(now, options_.dead_after_milliseconds);
  next_beat_ = now;
  announcer_.record_outdated();
  say(LogType::notice, Event::cluster_connected,
      {"node ", options_.node, " is a member of cluster ", options_.cluster, ", with ",
       std::to_string(others_.live()), " others"});
}

void Node::write_beat(bool settled, bool leaving) {
  PutRecord put{record_key(options_.node, RecordKind::alive), {}};
  encode(AliveRecord{options_.incarnation, ++beat_, settled, leaving, figures_}, put.value);
  orders_.emplace_back(std::move(put));
  writing_beat_ = true;
}

void Node::tick(Instant now) {
  // A process that was stopped for a while, or a machine that slept, heard no beat meanwhile.
  const std::int64_t elapsed = std::clamp<std::int64_t>(
      now.milliseconds - last_tick_.value_or(now).milliseconds, 0, 2 * options_.beat_milliseconds);
  last_tick_ = now;
  if (has_left_) return;
  if (view_is_current() && membership_ != MemberState::member) wait_for_name(elapsed, now);
  const bool may_write = view_is_current() && membership_ == MemberState::member;
  announcer_.tick(may_write, now, orders_);
  const std::uint64_t awaited = announcer_.awaited_number();
  if (awaited != 0 && others_.all_have_heard(awaited)) announcer_.heard_by_all();
  if (may_write && !writing_beat_ && now >= next_beat_) {
    next_beat_ = broker::after_milliseconds(now, options_.beat_milliseconds);
    write_beat(now >= settled_from_, false);
  }
  if (!hears_others(now)) return;
  others_.age(elapsed, orders_);
  others_.delete_old_records(orders_);
}

void Node::leave() {
  if (std::exchange(has_left_, true)) return;
  if (!link_is_up_ || membership_ != MemberState::member) return;
  write_beat(true, true);
  orders_.emplace_back(DeleteRecord{record_key(options_.node, RecordKind::filters)});
  orders_.emplace_back(DeleteRecord{record_key(options_.node, RecordKind::alive)});
}

Orders Node::take_orders() { return std::exchange(orders_, {}); }

ClusterView Node::view() const {
  const AnnouncedFilters& filters = announcer_.filters();
  ClusterView view;
  view.cluster = options_.cluster;
  view.node = options_.node;
  view.incarnation = options_.incarnation;
  view.membership = membership_;
  view.link_is_up = link_is_up_;
  view.is_current = view_is_current();
  view.hears_others = last_tick_ && hears_others(*last_tick_);
  view.filters = filters.filters();
  view.announced = filters.announced().size();
  view.prefixes = filters.prefixes();
  view.left_out = filters.left_out();
  view.subjects = announcer_.subjects();
  view.remote_filters = others_.filters();
  view.figures = figures_;
  view.dropped = dropped_;
  view.nodes = others_.view();
  return view;
}

}  // namespace cluster
