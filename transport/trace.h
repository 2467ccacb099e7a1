// transport/trace.h
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/ids.h"
#include "transport/networks.h"
#include "transport/peer_address.h"

namespace transport {

/// The kind of a record of a trace.
enum class TraceKind : std::uint8_t {
  connection,  ///< it begins, goes on or ends
  in,          ///< a packet that came, or bytes that are none
  out,         ///< a packet that leaves
  decision,    ///< of the broker
};
[[nodiscard]] std::string_view name_of(TraceKind kind) noexcept;

/// An event of a trace.
struct TraceRecord {
  std::uint64_t number = 0;            // 1, 2, 3 ... in the order of a trace
  std::int64_t time_microseconds = 0;  // since 1970
  TraceKind kind = TraceKind::decision;
  std::string connection;  // "LOOP.SLOT.GENERATION": tells connections apart; empty: none
  std::string client_id;   // empty: not known yet
  std::string address;     // with the port; empty: not connected
  std::string text;
};

/// The subject of a trace: exactly one of client, topic and address is there.
struct TraceFilter {
  std::optional<std::string> client;  // a pattern: * is any text, ? is a byte
  std::optional<std::string> topic;   // a topic filter
  std::optional<Networks> address;
  bool payload = false;  // payloads are shown
};

/// Follows clients or topics: a filter, and the last unread records.
///
/// Shape      add() -> a ring -> read(), again and again: reading up to a number frees all before
///            it.
/// Bounds     records_max records of record_bytes_max each. While the ring is full no record is
///            added, only counted as lost: what a trace costs is bounded by the pace of its reader.
///            A trace that is not read for idle_milliseconds is over.
/// Threads    Any: under a mutex that only traced events touch; has_room() and is_over() are loads.
class Trace {
 public:
  static constexpr std::size_t records_max = 4096;
  static constexpr std::size_t record_bytes_max = 1024;  // of the text
  static constexpr std::int64_t idle_milliseconds = 15'000;

  Trace(std::uint64_t number, TraceFilter filter, broker::Instant now)
      : number_(number),
        filter_(std::move(filter)),
        topic_prefix_(literal_prefix(filter_.topic.value_or(""))),
        read_at_milliseconds_(now.milliseconds) {}

  /// Tells traces of a process apart.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  [[nodiscard]] const TraceFilter& filter() const noexcept { return filter_; }
  [[nodiscard]] bool follows_client(std::string_view client_id) const;
  [[nodiscard]] bool follows_address(const PeerAddress& address) const;
  [[nodiscard]] bool follows_topic(std::string_view topic) const;

  /// Whether a record would be kept: otherwise lose() is to be called instead of add().
  [[nodiscard]] bool has_room() const noexcept {
    return waiting_.load(std::memory_order_relaxed) < records_max;
  }
  void lose() noexcept { lost_.fetch_add(1, std::memory_order_relaxed); }
  /// Gives the record its number, and keeps it if there is room.
  void add(TraceRecord record);

  struct Page {
    std::vector<TraceRecord> records;
    std::uint64_t lost = 0;  // since the trace began
  };
  /// The oldest records behind number `after`, `most` at most. All up to `after` are forgotten.
  [[nodiscard]] Page read(std::uint64_t after, std::size_t most, broker::Instant now);
  [[nodiscard]] bool is_over(broker::Instant now) const noexcept {
    return now.milliseconds - read_at_milliseconds_.load(std::memory_order_relaxed) >
           idle_milliseconds;
  }

 private:
  const std::uint64_t number_;
  /// The part of a topic filter that every topic which it matches begins with.
  [[nodiscard]] static std::string literal_prefix(std::string_view filter);

  const TraceFilter filter_;
  const std::string topic_prefix_;  // of filter_.topic
  std::atomic<std::int64_t> read_at_milliseconds_;
  std::atomic<std::size_t> waiting_{0};  // the size of records_
  std::atomic<std::uint64_t> lost_{0};
  std::mutex mutex_;
  std::deque<TraceRecord> records_;  // under mutex_
  std::uint64_t next_number_ = 1;    // under mutex_
};

/// A bit for each trace of a TraceList.
using TraceSet = std::uint8_t;

/// The traces of a process at one time.
///
/// Threads    Any: the list does not change.
struct TraceList {
  static constexpr std::size_t traces_max = 8;
  std::array<std::shared_ptr<Trace>, traces_max> traces;  // null: none

  [[nodiscard]] bool empty() const noexcept;
  /// Whether a trace follows clients by their names.
  [[nodiscard]] bool names_clients() const noexcept;
  /// Whether a trace follows topics.
  [[nodiscard]] bool has_topics() const noexcept;
  [[nodiscard]] TraceSet of_client(std::string_view client_id) const;
  [[nodiscard]] TraceSet of_address(const PeerAddress& address) const;
  [[nodiscard]] TraceSet of_topic(std::string_view topic) const;
};
static_assert(TraceList::traces_max <= 8 * sizeof(TraceSet));

/// Whether a text has the form of a pattern, in which * is any text and ? any byte.
[[nodiscard]] bool fits_pattern(std::string_view pattern, std::string_view text) noexcept;

}  // namespace transport
