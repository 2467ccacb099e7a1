#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "broker/cluster/announced_filters.h"
#include "broker/cluster/order.h"
#include "broker/cluster/records.h"
#include "broker/core/ids.h"

namespace cluster {

/// What this node wants: the subjects to which it subscribes, and its record NAME.filters.
///
/// Shape      AnnouncedFilters says which filters; their subjects are counted, for several filters
///            may have one in common.
/// Invariant  Before a record with a filter is written, the subjects of the filter are subscribed
///            to. The record is written when the filters have changed, or when the one in the
///            bucket is not the last one written: at once if the last is older than
///            `write_interval_milliseconds`, else after that; never two at a time.
/// Threads    None.
class Announcer final {
 public:
  struct Options {
    std::string node_name;
    std::string subject_prefix;
    Incarnation incarnation{};
    std::int64_t write_interval_milliseconds = 200;
    AnnouncedFilters::Limits limits{};
  };
  explicit Announcer(Options options);

  /// As AnnouncedFilters. A shared subscription's text counts as its filter.
  void add(std::string_view filter);
  void remove(std::string_view filter);

  /// Orders what is due. `may_write`: this node is a member and has a link.
  void tick(bool may_write, broker::Instant now, Orders& orders);

  // The record NAME.filters of this node.

  void record_seen(mqtt::Bytes value);
  /// It was deleted, or is not this run's.
  void record_outdated() noexcept { record_outdated_ = true; }
  void record_written() noexcept { writing_ = false; }
  void record_refused() noexcept;
  /// The link is down, no answer comes.
  void link_down() noexcept;
  /// The records were read: the one of this node may be none of them.
  void records_are_current() noexcept;

  [[nodiscard]] const AnnouncedFilters& filters() const noexcept { return filters_; }
  [[nodiscard]] std::size_t subjects() const noexcept { return subjects_.size(); }

 private:
  void subscribe(const std::string& filter, Orders& orders);
  void unsubscribe(const std::string& filter, Orders& orders);
  void count_up(const std::string& subject, Orders& orders);
  void count_down(const std::string& subject, Orders& orders);
  void write_record(Orders& orders);
  void tell_shortened(Orders& orders);

  Options options_;
  AnnouncedFilters filters_;
  std::map<std::string, std::uint32_t, std::less<>> subjects_;  // number of filters
  std::string last_record_;                                     // the bytes last ordered
  broker::Instant next_write_;
  bool record_outdated_ = true;  // the bucket may have another than last_record_
  bool record_seen_ = false;     // since the link is up
  bool writing_ = false;
  bool shortened_told_ = false;
};

}  // namespace cluster
