// broker/core/level_table.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "broker/core/hash_index.h"
#include "broker/core/slab.h"

namespace broker {

/// Names of topic levels, each kept once and known by a small number.
///
/// Invariant  A number stays valid while its level has references; freed numbers are used again.
///            "+" and "#" always have the numbers `plus_number` and `hash_number`.
/// Cost       One hash of the text for find(); short texts live in the entry.
class LevelTable {
 public:
  static constexpr std::uint32_t none = 0;
  static constexpr std::uint32_t plus_number = 1;
  static constexpr std::uint32_t hash_number = 2;

  LevelTable();
  ~LevelTable();
  LevelTable(const LevelTable&) = delete;
  LevelTable& operator=(const LevelTable&) = delete;

  /// The level's number, or none if it is not kept.
  [[nodiscard]] std::uint32_t find(std::string_view level) const noexcept;
  /// The numbers of all levels of `path`, none for those that are not kept, in `numbers`.
  ///
  /// Returns   How many levels there are, at most numbers.size().
  /// Cost      As find() for each, but memory is waited for once: a path of far-away levels takes
  ///           little longer than one level.
  [[nodiscard]] std::size_t find_all(std::string_view path,
                                     std::span<std::uint32_t> numbers) const noexcept;
  /// The level's number; keeps the level, or counts one more reference.
  std::uint32_t hold(std::string_view level);
  void release(std::uint32_t number);
  [[nodiscard]] std::string_view text(std::uint32_t number) const noexcept;
  /// Levels kept, "+" and "#" among them.
  [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }

 private:
  struct Entry {
    static constexpr std::size_t inline_size_max = 18;

    std::uint32_t references = 0;
    std::uint16_t size = 0;
    char place[inline_size_max] = {};  // the text, or a pointer to it

    [[nodiscard]] bool on_heap() const noexcept { return size > inline_size_max; }
    [[nodiscard]] char* heap() const noexcept;
    [[nodiscard]] std::string_view text() const noexcept {
      return {on_heap() ? heap() : place, size};
    }
    void assign(std::string_view text);
    void clear() noexcept;
  };
  static_assert(sizeof(Entry) == 24 && Entry::inline_size_max >= sizeof(char*));

  [[nodiscard]] std::uint32_t find(std::string_view level, std::uint32_t hash) const noexcept;

  Slab<Entry> entries_;  // [none] is unused
  HashIndex index_;
};

}  // namespace broker
