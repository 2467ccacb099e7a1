#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace cluster {

/// Entries on their way into a stream, in batches: one is appended at a time.
///
/// Shape      add() -> begin() gives a batch -> stored() ends it, or failed(), after which begin()
///            gives the same batch under the same number. The number goes along as the message's
///            id, by which JetStream knows a repetition (Nats-Msg-Id).
/// Reason     With several on their way one may fail and be repeated behind the next: the order of
///            a publisher's messages would be another in the stream. A batch makes one round trip
///            carry all that came during the last.
/// Invariant  Entries are stored once and in the order of add(), as long as the stream knows the id
///            of a batch that is repeated: its duplicate window has to be longer than a repetition
///            may take. A node whose tail has shown the batch counts it as stored.
/// Threads    None.
template <typename Entry>
class Batches final {
 public:
  explicit Batches(std::size_t entries_max) : entries_max_(entries_max) {}

  void add(Entry entry) { waiting_.push_back(std::move(entry)); }

  struct Batch {
    std::uint64_t number = 0;
    std::vector<Entry> entries;
  };
  /// The batch to be appended now; null while one is on its way, or if there is none.
  [[nodiscard]] const Batch* begin() {
    if (on_its_way_ || (!batch_ && waiting_.empty())) return nullptr;
    on_its_way_ = true;
    if (!batch_) batch_ = next_batch();
    return &*batch_;
  }
  /// The batch is in the stream. Returns its entries.
  [[nodiscard]] std::vector<Entry> stored() {
    assert(batch_);
    on_its_way_ = false;
    std::vector<Entry> entries = std::move(batch_->entries);
    batch_.reset();
    return entries;
  }
  /// Whether the batch is in the stream is not known, or it is not.
  void failed() noexcept { on_its_way_ = false; }

  /// Whether all that was added is stored.
  [[nodiscard]] bool empty() const noexcept { return !batch_ && waiting_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept {
    return waiting_.size() + (batch_ ? batch_->entries.size() : 0);
  }

 private:
  Batch next_batch() {
    Batch batch{.number = ++number_, .entries = {}};
    while (!waiting_.empty() && batch.entries.size() < entries_max_) {
      batch.entries.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    return batch;
  }

  std::deque<Entry> waiting_;
  std::optional<Batch> batch_;
  std::size_t entries_max_ = 0;
  std::uint64_t number_ = 0;
  bool on_its_way_ = false;
};

}  // namespace cluster
