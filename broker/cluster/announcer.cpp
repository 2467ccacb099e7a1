#include "broker/cluster/announcer.h"

#include <utility>
#include <vector>

#include "broker/cluster/subject.h"
#include "broker/core/text.h"
#include "broker/wire/topic.h"

namespace cluster {
namespace {

/// The part of a shared subscription's text that messages are matched with.
std::string_view plain_filter(std::string_view filter) {
  const auto shared = mqtt::parse_shared(filter);
  return shared && *shared ? (*shared)->filter.text() : filter;
}

}  // namespace

Announcer::Announcer(Options options) : options_(std::move(options)), filters_(options_.limits) {}

void Announcer::add(std::string_view filter) { filters_.add(plain_filter(filter)); }
void Announcer::remove(std::string_view filter) { filters_.remove(plain_filter(filter)); }

void Announcer::tick(bool may_write, broker::Instant now, Orders& orders) {
  end_lingering(now, orders);
  if (!may_write) {  // no node is waited for
    announced_mark_ = mark_;
    awaited_number_ = 0;
  }
  if (writing_ || now < next_write_) return;
  if (!filters_.changed() && !(may_write && record_outdated_)) return pass_mark();
  next_write_ = broker::after_milliseconds(now, options_.write_interval_milliseconds);
  const auto changes = filters_.update();
  if (!changes.added.empty() || !changes.removed.empty()) record_outdated_ = true;
  for (const std::string& filter : changes.added) subscribe(filter, orders);
  if (may_write && record_outdated_) {
    write_record(orders);
  } else {
    pass_mark();
  }
  for (const std::string& filter : changes.removed) unsubscribe(filter, now);
  tell_shortened(orders);
}

/// The filters that the mark stands for are in the record that was written last.
void Announcer::pass_mark() noexcept {
  (awaited_number_ == 0 ? announced_mark_ : awaited_mark_) = mark_;
}

void Announcer::subscribe(const std::string& filter, Orders& orders) {
  for (const std::string& subject : subjects_of_filter(options_.subject_prefix, filter)) {
    count_up(subject, orders);
  }
  if (may_match_long_topics(filter)) {
    count_up(subject_of_long_topics(options_.subject_prefix), orders);
  }
}

void Announcer::unsubscribe(const std::string& filter, broker::Instant now) {
  for (const std::string& subject : subjects_of_filter(options_.subject_prefix, filter)) {
    count_down(subject, now);
  }
  if (may_match_long_topics(filter)) {
    count_down(subject_of_long_topics(options_.subject_prefix), now);
  }
}

void Announcer::count_up(const std::string& subject, Orders& orders) {
  const auto [found, is_new] = subjects_.try_emplace(subject);
  ++found->second.filters;
  if (is_new) orders.emplace_back(SubscribeSubject{subject});
}

void Announcer::count_down(const std::string& subject, broker::Instant now) {
  const auto found = subjects_.find(subject);
  if (--found->second.filters > 0) return;
  found->second.lingers_until = broker::after_milliseconds(now, options_.linger_milliseconds);
  lingering_.push_back({subject, found->second.lingers_until});
}

void Announcer::end_lingering(broker::Instant now, Orders& orders) {
  for (; !lingering_.empty() && lingering_.front().until <= now; lingering_.pop_front()) {
    const auto found = subjects_.find(lingering_.front().subject);
    if (found == subjects_.end() || found->second.filters > 0) continue;
    if (found->second.lingers_until > now) continue;  // it was wanted meanwhile
    orders.emplace_back(UnsubscribeSubject{found->first});
    subjects_.erase(found);
  }
}

void Announcer::write_record(Orders& orders) {
  const auto& announced = filters_.announced();
  PutRecord put{record_key(options_.node_name, RecordKind::filters), {}};
  encode(FiltersRecord{options_.incarnation, {announced.begin(), announced.end()}, ++number_},
         put.value);
  last_record_ = mqtt::as_text(put.value.view());
  record_outdated_ = false;
  writing_ = true;
  writing_mark_ = mark_;
  const auto size_milliseconds =
      static_cast<std::int64_t>(put.value.size()) / options_.record_bytes_per_millisecond;
  next_write_ = broker::after_milliseconds(next_write_, size_milliseconds);
  orders.emplace_back(std::move(put));
}

void Announcer::tell_shortened(Orders& orders) {
  const bool is_shortened = filters_.prefixes() + filters_.left_out() > 0;
  if (!is_shortened) {
    shortened_told_ = false;
    return;
  }
  if (std::exchange(shortened_told_, true)) return;
  orders.emplace_back(LogLine{
      broker::LogType::notice, broker::Event::cluster_filters_shortened,
      broker::concat({"Cluster: ", std::to_string(filters_.filters()),
                      " topic filters are told to other nodes as ",
                      std::to_string(filters_.announced().size()), ", of which ",
                      std::to_string(filters_.prefixes()), " are prefixes; ",
                      std::to_string(filters_.left_out()), " first levels with $ are left out"})});
}

void Announcer::record_seen(mqtt::Bytes value) {
  record_seen_ = true;
  const std::string_view seen = mqtt::as_text(value);
  const std::string_view last = last_record_;
  // While a record is on its way, older ones of this run are seen; those of another run may have
  // come after it.
  constexpr std::size_t front = 1 + sizeof(Incarnation);
  const bool is_of_another_run = seen.substr(0, front) != last.substr(0, front);
  if (is_of_another_run || (!writing_ && seen != last)) record_outdated_ = true;
}

void Announcer::record_refused() noexcept {
  writing_ = false;
  record_outdated_ = true;
}

void Announcer::link_down() noexcept {
  // Whether a record on its way was written is seen when the records are read.
  writing_ = false;
  record_seen_ = false;
}

void Announcer::records_are_current() noexcept {
  if (!record_seen_) record_outdated_ = true;
}

}  // namespace cluster
