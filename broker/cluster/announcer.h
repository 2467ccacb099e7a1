#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "broker/cluster/announced_filters.h"
#include "broker/cluster/order.h"
#include "broker/cluster/records.h"
#include "broker/core/ids.h"

namespace cluster {

/// The subjects to which this node subscribes, and its record NAME.filters.
///
/// Shape      AnnouncedFilters says which filters; their subjects are counted, for several filters
///            may have one in common.
/// Invariant  Before a record with a filter is written, the subjects of the filter are subscribed
///            to. The record is written when the filters have changed, or when the one in the
///            bucket is not the last one written: at once if the last is older than
///            `write_interval_milliseconds`, more for a large one, else after that; never two at a
///            time.
///            A subject that is wanted no more stays subscribed for `linger_milliseconds`: messages
///            on their way by it may have come by no other one.
/// Threads    None.
class Announcer final {
 public:
  struct Options {
    std::string node_name;
    std::string subject_prefix;
    Incarnation incarnation{};
    /// Clients wait for it: see announced_mark().
    std::int64_t write_interval_milliseconds = 20;
    std::int64_t linger_milliseconds = 2000;
    /// Large records are written less often.
    std::int64_t record_bytes_per_millisecond = 4096;
    AnnouncedFilters::Limits limits{};
  };
  explicit Announcer(Options options);

  /// As AnnouncedFilters. A shared subscription's text counts as its filter.
  void add(std::string_view filter);
  void remove(std::string_view filter);
  /// The mark of all calls of add() and remove() so far. Marks grow.
  void set_mark(std::uint64_t mark) noexcept { mark_ = mark; }
  /// The last mark whose filters all other nodes know, or cannot be told.
  [[nodiscard]] std::uint64_t announced_mark() const noexcept { return announced_mark_; }
  /// The number of the record that other nodes are expected to hear; 0: none.
  [[nodiscard]] std::uint64_t awaited_number() const noexcept { return awaited_number_; }
  /// All of them have.
  void heard_by_all() noexcept {
    announced_mark_ = awaited_mark_;
    awaited_number_ = 0;
  }

  /// Orders what is due. `may_write`: this node is a member and has a link.
  void tick(bool may_write, broker::Instant now, Orders& orders);

  // The record NAME.filters of this node.

  void record_seen(mqtt::Bytes value);
  /// It was deleted, or is not this run's.
  void record_outdated() noexcept { record_outdated_ = true; }
  void record_written() noexcept {
    writing_ = false;
    awaited_number_ = number_;
    awaited_mark_ = writing_mark_;
  }
  void record_refused() noexcept;
  /// The link is down, no answer comes.
  void link_down() noexcept;
  /// The records were read: the one of this node may be none of them.
  void records_are_current() noexcept;

  [[nodiscard]] const AnnouncedFilters& filters() const noexcept { return filters_; }
  /// Subscribed to, those that linger among them.
  [[nodiscard]] std::size_t subjects() const noexcept { return subjects_.size(); }

 private:
  void pass_mark() noexcept;
  void subscribe(const std::string& filter, Orders& orders);
  void unsubscribe(const std::string& filter, broker::Instant now);
  void count_up(const std::string& subject, Orders& orders);
  void count_down(const std::string& subject, broker::Instant now);
  void end_lingering(broker::Instant now, Orders& orders);
  void write_record(Orders& orders);
  void tell_shortened(Orders& orders);

  Options options_;
  AnnouncedFilters filters_;
  struct Subject {
    std::uint32_t filters = 0;  // that have it; 0: it lingers
    broker::Instant lingers_until;
  };
  std::map<std::string, Subject, std::less<>> subjects_;
  struct Lingering {
    std::string subject;
    broker::Instant until;
  };
  std::deque<Lingering> lingering_;  // in the order of their ends; one may be wanted again
  std::string last_record_;          // the bytes last ordered
  broker::Instant next_write_;
  std::uint64_t mark_ = 0;
  std::uint64_t writing_mark_ = 0;  // of the record that is being written
  std::uint64_t announced_mark_ = 0;
  std::uint64_t number_ = 0;          // of the record that was ordered last
  std::uint64_t awaited_number_ = 0;  // see awaited_number()
  std::uint64_t awaited_mark_ = 0;    // of all filters in that record
  bool record_outdated_ = true;       // the bucket may have another than last_record_
  bool record_seen_ = false;          // since the link is up
  bool writing_ = false;
  bool shortened_told_ = false;
};

}  // namespace cluster
