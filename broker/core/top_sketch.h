// broker/core/top_sketch.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// The texts with the largest weights of a stream, in bounded memory.
///
/// Shape      At most entries_max entries. A text that has none takes the place of the lightest
///            entry, and its weight on top of its own: that part is its error.
/// Invariant  The weight of an entry is at least that of its text, and exceeds it by the error at
///            most. A text that weighs more than total / entries_max has an entry.
/// Bounds     entries_max texts of text_bytes_max bytes.
/// Threads    None.
/// Source     Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in
///            Data Streams (2005), "Space-Saving".
class TopSketch {
 public:
  static constexpr std::size_t entries_max = 64;
  static constexpr std::size_t text_bytes_max = 200;

  struct Entry {
    std::uint64_t hash = 0;  // of the whole text
    double weight = 0;
    double error = 0;     // the part of the weight that may belong to other texts
    double other = 0;     // the other weight, since the entry is there
    std::string text{};   // the first text_bytes_max bytes
    bool is_cut = false;  // the text is longer; those with the same hash and beginning count as one
  };

  /// Adds weights to a text: the entries are chosen by `weight`, and `other` goes along.
  ///
  /// Requires  weight >= 0
  /// Cost      A look at each entry: for samples of a stream, not for all of it.
  void add(std::string_view text, double weight, double other);
  /// Multiplies all weights by `factor`, and removes entries that weigh next to nothing then.
  ///
  /// Requires  0 <= factor <= 1
  void decay(double factor);
  /// In no order.
  [[nodiscard]] std::span<const Entry> entries() const noexcept { return entries_; }

 private:
  /// The entry for a text that has none: a new one, or the lightest.
  [[nodiscard]] Entry& replace(std::string_view text, std::uint64_t hash);

  std::vector<Entry> entries_;
};

}  // namespace broker
