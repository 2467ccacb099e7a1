#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/cluster/announcer.h"
#include "broker/cluster/line_filter.h"
#include "broker/cluster/order.h"
#include "broker/cluster/records.h"
#include "broker/cluster/remote_nodes.h"
#include "broker/core/ids.h"

namespace cluster {

/// Why messages between nodes were dropped.
enum class DropReason : std::uint8_t {
  too_large,   ///< above max_payload of nats-server
  queue_full,  ///< on the way to NATS, or from it to a shard
  malformed,   ///< came in a form that is none of this version
  count,
};

/// Place of a node in its cluster.
enum class MemberState : std::uint8_t {
  joining,     ///< it reads the records, or waits whether a run under its name is over
  member,      ///< it writes its records
  name_taken,  ///< another broker has its name and lives: it waits until that one ends
};

/// For `darter cluster status` and $SYS.
struct ClusterView {
  std::string cluster;
  std::string node;
  Incarnation incarnation{};
  MemberState membership = MemberState::joining;
  bool link_is_up = false;
  bool is_current = false;         // the records were read since the link is up
  bool hears_others = false;       // its own beats come back: silence of others counts
  std::size_t filters = 0;         // different ones of this node's clients
  std::size_t announced = 0;       // that it tells the others
  std::size_t prefixes = 0;        // among those, for several filters each
  std::size_t left_out = 0;        // see AnnouncedFilters::left_out()
  std::size_t subjects = 0;        // subscribed to in NATS
  std::size_t remote_filters = 0;  // of all other live nodes
  NodeFigures figures;
  std::array<std::uint64_t, static_cast<std::size_t>(DropReason::count)> dropped{};
  std::vector<RemoteNodes::View> nodes;  // the others, by name
};

/// The policy of a node in its cluster, as far as routing goes: which nodes there are, the filters
/// that each wants, and the subjects to which this one subscribes.
///
/// Shape      Facts come in by the functions below, orders go out by take_orders(). Two records of
///            a bucket of NATS belong to each node (see records.h): NAME.alive, its beat, written
///            every `beat_milliseconds`, and NAME.filters, written when they change.
///            Only a member writes its records. A node becomes one when it has read the records of
///            all, and none of another run is there under its name, or that one's beat has not
///            changed for three beats: a run that did not end as it should.
/// Invariant  The filters of all other live nodes are those that the shards were told: see
///            RemoteNodes. While the link is down, the records are not read yet, or no beat under
///            the node's own name comes by the watch, all stays as it was: a node that cannot hear
///            the others does not forget them.
///            Two brokers with one name: of two members the one that has been a member for
///            `dead_after_milliseconds` stays, of two such, or of none, the one with the lower
///            incarnation. The other says cluster_name_taken and waits. So the one that runs keeps
///            its name.
/// Time       The host tells it: see tick().
/// Threads    None.
class Node final {
 public:
  struct Options {
    std::string cluster;  // is_name()
    std::string node;     // is_name()
    Incarnation incarnation{};
    std::int64_t beat_milliseconds = 1000;
    std::int64_t dead_after_milliseconds = 5000;
    std::int64_t write_interval_milliseconds = 20;  // between two records of filters
    AnnouncedFilters::Limits limits{};
  };

  /// tick() is due that often.
  static constexpr std::int64_t tick_milliseconds = 100;

  explicit Node(Options options);

  // Facts of the shards. A filter may be added once for each shard; "$share/NAME/FILTER" counts as
  // FILTER, and "$SYS" is each node's own.

  void filter_added(std::string_view filter) { announcer_.add(filter); }
  void filter_removed(std::string_view filter) { announcer_.remove(filter); }
  /// The mark of all calls of filter_added() and filter_removed() so far; marks grow.
  void set_filters_mark(std::uint64_t mark) noexcept { announcer_.set_mark(mark); }
  void set_figures(const NodeFigures& figures) { figures_ = figures; }
  void messages_dropped(DropReason reason, std::uint64_t count, std::string_view detail,
                        broker::Instant now);

  // Facts of the link. record_seen() and record_deleted() tell of the bucket's watch, for the
  // records of this node as well; records_are_current() follows when all were told, after each
  // link_up().

  void link_up(std::string_view server, broker::Instant now);
  void link_down(std::string_view reason, broker::Instant now);
  /// A connection could not be made, or has an error; tries go on.
  void link_failed(std::string_view fault, broker::Instant now);
  /// The bucket cannot be made, read or written; tries go on.
  void bucket_failed(std::string_view fault, broker::Instant now);
  void record_seen(std::string_view key, mqtt::Bytes value, broker::Instant now);
  void record_deleted(std::string_view key, broker::Instant now);
  void records_are_current(broker::Instant now);
  /// A message on subject_of_heard() of this node.
  void heard(mqtt::Bytes message);
  /// Answers to PutRecord.
  void record_written(std::string_view key);
  void record_refused(std::string_view key);

  /// To be called after facts, and every tick_milliseconds at least: orders what is due.
  void tick(broker::Instant now);
  /// The node ends as it should: the others are told, the records deleted. tick() does nothing from
  /// here on.
  void leave();

  /// The orders since the last call.
  [[nodiscard]] Orders take_orders();
  /// Runs of other nodes that ended since the last call, for DuplicateWindows::forget().
  [[nodiscard]] std::vector<Incarnation> take_ended_runs() { return others_.take_ended_runs(); }
  /// The last mark whose filters all other live nodes know, or cannot be told.
  [[nodiscard]] std::uint64_t announced_filters_mark() const noexcept {
    return announcer_.announced_mark();
  }
  /// Records of all nodes were read since the link is up.
  [[nodiscard]] bool view_is_current() const noexcept { return link_is_up_ && is_current_; }
  [[nodiscard]] ClusterView view() const;

 private:
  static constexpr broker::Instant never_heard{INT64_MIN};

  /// The record NAME.alive in the bucket, of another run than this one.
  struct Rival {
    bool exists = false;
    bool moved = false;  // its beat has changed since this node waits for its name
    AliveRecord alive;   // as it was last seen
    std::int64_t silent_milliseconds = 0;
  };

  void own_beat_seen(broker::Instant now);
  /// A beat under the name of this node came, so those of others come, too.
  void beat_heard(broker::Instant now);
  void rival_seen(const AliveRecord& record, broker::Instant now);
  void give_way();
  void wait_for_name(std::int64_t elapsed_milliseconds, broker::Instant now);
  void become_member(broker::Instant now);
  void write_beat(bool settled, bool leaving);
  void say(broker::LogType type, broker::Event event, std::initializer_list<std::string_view> text);
  [[nodiscard]] bool hears_others(broker::Instant now) const noexcept {
    return view_is_current() && now < heard_until_;
  }

  Options options_;
  Announcer announcer_;
  RemoteNodes others_;
  Orders orders_;
  LineFilter lines_;
  NodeFigures figures_;
  std::array<std::uint64_t, static_cast<std::size_t>(DropReason::count)> dropped_{};
  MemberState membership_ = MemberState::joining;
  Rival rival_;
  std::uint64_t beat_ = 0;
  std::optional<broker::Instant> last_tick_;
  broker::Instant next_beat_{INT64_MIN};
  broker::Instant heard_until_ = never_heard;  // a beat under its name came not long before
  broker::Instant settled_from_{INT64_MAX};    // a member for dead_after_milliseconds
  bool link_is_up_ = false;
  bool is_current_ = false;
  bool writing_beat_ = false;
  bool has_left_ = false;
};

}  // namespace cluster
