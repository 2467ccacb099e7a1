#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/cluster/order.h"
#include "broker/cluster/records.h"

namespace cluster {

/// The other nodes of the cluster, as their records tell.
///
/// Shape      A node is known while one of its two records is in the bucket, or it is live. It is
///            live from the first beat that is seen until a record that says it is leaving, or
///            until the beat has been the same for `dead_after_milliseconds`. A node counts that
///            time only while it hears the others: see age().
/// Invariant  The filters that were ordered to be added, and not to be removed, are those of all
///            live nodes. Filters of a record count for the run that wrote it: a node that starts
///            again begins with none.
///            A deleted record alone makes no node dead: a bucket in memory may be lost as a whole.
///            `nodes_max` nodes at most; records of others are left out of account.
/// Threads    None.
class RemoteNodes final {
 public:
  static constexpr std::size_t nodes_max = 256;

  enum class State : std::uint8_t {
    unknown,  ///< a filters record without a beat
    live,
    left,  ///< said so, or was silent for too long; its records are still there
  };
  struct View {
    std::string name;
    State state = State::unknown;
    Incarnation incarnation{};
    std::int64_t beat_age_milliseconds = 0;  // that counted as silence
    std::size_t filters = 0;                 // that it told
    NodeFigures figures;                     // as of its last beat
  };

  RemoteNodes(std::string own_name, std::int64_t dead_after_milliseconds);

  // Facts. Orders are appended to `orders`.

  void beat_seen(std::string_view name, const AliveRecord& record, Orders& orders);
  void filters_seen(std::string_view name, FiltersRecord record, Orders& orders);
  void record_deleted(const RecordKey& key);
  /// A node knows the filters of this one, up to a record.
  void heard(std::string_view name, std::uint64_t number);
  /// Whether all live nodes know them.
  [[nodiscard]] bool all_have_heard(std::uint64_t number) const noexcept;
  /// A record was not in a form that can be read: a line for each run of faults of a node.
  void record_refused(const RecordKey& key, std::string_view fault, Orders& orders);

  /// So much time has passed in which the node heard the others: its own beats came back to it.
  void age(std::int64_t milliseconds, Orders& orders);
  /// The records were read anew after a time without news: silence counts from here.
  void begin_hearing();
  /// Orders that delete the records of nodes that are gone for long, if this node is the one to do
  /// so: of the live nodes the one with the lowest name. A node whose record is deleted although it
  /// lives writes it again.
  void delete_old_records(Orders& orders);

  /// Runs of nodes that ended since the last call: their senders send no more.
  [[nodiscard]] std::vector<Incarnation> take_ended_runs();
  [[nodiscard]] std::vector<View> view() const;
  /// Different filters of all live nodes: those that the shards were told.
  [[nodiscard]] std::size_t filters() const noexcept { return wanted_.size(); }
  [[nodiscard]] std::size_t live() const noexcept;

 private:
  struct Known {
    State state = State::unknown;
    AliveRecord alive;
    FiltersRecord filters;
    std::vector<std::string> told;   // the part of wanted_ that is this node's, sorted
    std::uint64_t told_number = 0;   // of the record that this is from, of the run that is live
    std::uint64_t heard_number = 0;  // of the last record of this node that it knows
    std::int64_t silent_milliseconds = 0;
    bool has_alive_record = false;
    bool has_filters_record = false;
    bool is_unreadable = false;  // a record of it, since its last beat
  };
  using Nodes = std::map<std::string, Known, std::less<>>;

  Known* find_or_make(std::string_view name, Orders& orders);
  void end_run(std::string_view name, Known& node, std::string_view reason, Orders& orders);
  /// Makes `told` the filters that count.
  void apply(std::string_view name, Known& node, Orders& orders);
  void want(const std::string& filter, Orders& orders);
  void want_no_more(const std::string& filter, Orders& orders);

  std::string own_name_;
  std::int64_t dead_after_milliseconds_;
  Nodes nodes_;
  std::unordered_map<std::string, std::uint32_t> wanted_;  // number of nodes
  std::vector<Incarnation> ended_runs_;
  bool too_many_told_ = false;
};

}  // namespace cluster
