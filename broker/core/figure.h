// broker/core/figure.h
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "broker/core/histogram.h"

namespace broker {

/// How a figure moves.
enum class FigureKind : std::uint8_t {
  counter,    ///< since the start; never less than before
  gauge,      ///< as it is now
  maximum,    ///< the highest since the start
  histogram,  ///< durations since the start; below $SYS it is not shown
  text,       ///< no number
};

/// The unit of a figure. The name of a figure does not repeat it.
enum class FigureUnit : std::uint8_t {
  none,  ///< things that the help text names
  bytes,
  seconds,
  milliseconds,
  microseconds,
  days,
};

/// The part of the broker that knows a figure.
enum class FigureOwner : std::uint8_t {
  broker,        ///< known before anything runs, and the time
  shard,         ///< each shard has its own; the sum is shown
  loop,          ///< of all loops
  store,         ///< there with persistence only
  logins,        ///< of all listeners
  certificates,  ///< one of each for every listener with TLS
  bridges,       ///< one of each for every bridge
  cluster,       ///< there with cluster_url only
  process,
};

/// How a number is read from a Source, and how those of several Sources become one.
template <typename Source>
struct FigureValue {
  std::int64_t (*read)(const Source& source, std::size_t item) = nullptr;
  /// Takes the figure of one more Source into a total. Null: the figure follows from others.
  void (*merge)(Source& total, const Source& one) = nullptr;
  // The member that it shows: its name, and its size. Empty: it follows from others.
  std::string_view member{};
  std::size_t size_bytes = 0;
  /// A histogram's read() is the number of its durations.
  bool is_histogram = false;
  const Histogram& (*histogram)(const Source& source) = nullptr;  // null unless it is one
};

/// One figure: a row of a table.
///
/// Shape      Each library that has figures keeps them in a plain struct, its Source, and
///            declares a FigureTable for it. All code that shows figures walks these tables, and
///            lists none itself.
///                member ─▶ row ─▶ $SYS topic, sum over shards, SYS.md, /metrics
/// Invariant  A topic or a name stands in one row of all tables.
/// Lifetime   Rows are constants.
template <typename Source>
struct Figure {
  /// In words joined by '_', without unit. It stands in the name of a metric, so alert rules and
  /// dashboards of operators have it: a change of it breaks them.
  std::string_view name;
  std::optional<FigureValue<Source>> value{};  // nothing: `format` has the payload
  /// Formats the payload of the topic. Null: the number, in decimal.
  std::string (*format)(const Source& source) = nullptr;
  FigureKind kind = FigureKind::counter;
  FigureUnit unit = FigureUnit::none;
  /// Below "$SYS/broker/"; empty: none. '+' stands for the item.
  std::string_view topic{};
  std::string_view second_topic{};  // Mosquitto has some figures twice; empty: none
  std::string_view load{};          // below "$SYS/broker/load/": its averages; empty: none
  std::string_view label{};         // names the items: "reason"; empty: there is one, without name
  std::span<const std::string_view> items{};  // empty with a label: the owner names them
  std::string_view help{};                    // one sentence
};

template <typename Source>
struct FigureTable {
  FigureOwner owner;
  std::span<const Figure<Source>> rows;
};

/// The same as `topic`, with `item` in the place of '+'.
[[nodiscard]] std::string topic_of_item(std::string_view topic, std::string_view item);

/// The number of items of a row.
template <typename Source>
[[nodiscard]] constexpr std::size_t item_count(const Figure<Source>& row) noexcept {
  return row.items.empty() ? 1 : row.items.size();
}

/// Takes the figures of one more Source into `total`, which begins as Source{}.
template <typename Source>
void merge(const FigureTable<Source>& table, Source& total, const Source& one) {
  for (const Figure<Source>& row : table.rows) {
    if (row.value && row.value->merge != nullptr) row.value->merge(total, one);
  }
}

/// Calls `visit(topic, payload)` for each topic of a table, without "$SYS/broker/" in front.
///
/// `item` is the name of the Source, for a table with items that have names.
/// Invariant  No payload is empty: a retained message without payload would remove the topic.
template <typename Source, typename Visit>
void for_each_topic(const FigureTable<Source>& table, const Source& source, std::string_view item,
                    Visit&& visit) {
  for (const Figure<Source>& row : table.rows) {
    if (row.topic.empty()) continue;
    for (std::size_t i = 0; i < item_count(row); ++i) {
      const std::string payload =
          row.format != nullptr ? row.format(source) : std::to_string(row.value->read(source, i));
      for (const std::string_view topic : {row.topic, row.second_topic}) {
        if (topic.empty()) continue;
        visit(topic_of_item(topic, row.items.empty() ? item : row.items[i]), payload);
      }
    }
  }
}

// The values of rows.

/// A member of a Source: a number, or an array with a number for each item.
template <auto Member>
struct FigureMember;

template <typename Source, typename Part, Part Source::* Member>
struct FigureMember<Member> {
  static constexpr bool is_number = std::integral<Part>;
  static constexpr bool is_histogram = std::same_as<Part, Histogram>;

  static std::int64_t read(const Source& source, [[maybe_unused]] std::size_t item) {
    if constexpr (is_number) {
      return static_cast<std::int64_t>(source.*Member);
    } else if constexpr (is_histogram) {
      return static_cast<std::int64_t>((source.*Member).count());
    } else {
      return static_cast<std::int64_t>((source.*Member)[item]);
    }
  }
  static const Histogram& histogram(const Source& source)
    requires is_histogram
  {
    return source.*Member;
  }
  static void add(Source& total, const Source& one) {
    if constexpr (is_histogram) {
      (total.*Member).add(one.*Member);
    } else if constexpr (is_number) {
      total.*Member = static_cast<Part>(total.*Member + one.*Member);
    } else {
      for (std::size_t i = 0; i < (total.*Member).size(); ++i) {
        (total.*Member)[i] += (one.*Member)[i];
      }
    }
  }
  static void take_larger(Source& total, const Source& one) {
    total.*Member = std::max(total.*Member, one.*Member);
  }

  /// Differs for each member. Addresses of functions are no constants under g++'s sanitizers.
  static constexpr std::string_view name() { return __PRETTY_FUNCTION__; }

  static constexpr FigureValue<Source> sum{&read, &add, name(), sizeof(Part)};
  static constexpr FigureValue<Source> largest{&read, &take_larger, name(), sizeof(Part)};
  static constexpr FigureValue<Source> durations{&read,        &add, name(),
                                                 sizeof(Part), true, &histogram};
};

/// The figures of several Sources are added up.
template <auto Member>
inline constexpr auto sum_of = FigureMember<Member>::sum;
/// The durations of several Sources are added up.
template <auto Member>
inline constexpr auto histogram_of = FigureMember<Member>::durations;
/// Each Source has the whole: the largest counts.
template <auto Member>
inline constexpr auto largest_of = FigureMember<Member>::largest;

/// Whether the rows have each member of a Source once, and no padding is between them: then a
/// member that is in no row does not compile.
template <typename Source>
[[nodiscard]] constexpr bool has_every_member(std::span<const Figure<Source>> rows) {
  std::size_t size_bytes = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& value = rows[i].value;
    if (!value || value->member.empty()) continue;
    size_bytes += value->size_bytes;
    for (std::size_t j = 0; j < i; ++j) {
      if (rows[j].value && rows[j].value->member == value->member) return false;
    }
  }
  return size_bytes == sizeof(Source);
}

/// Whether each row can be shown: with items where its topic has a place for them, and a payload.
template <typename Source>
[[nodiscard]] constexpr bool is_complete(std::span<const Figure<Source>> rows) {
  for (const Figure<Source>& row : rows) {
    const bool has_place = row.topic.find('+') != std::string_view::npos;
    if (row.name.empty() || row.help.empty()) return false;
    if (!row.topic.empty() && has_place == row.label.empty()) return false;
    const bool is_histogram = row.value && row.value->is_histogram;
    if (is_histogram != (row.kind == FigureKind::histogram)) return false;
    if (is_histogram && (!row.topic.empty() || row.unit != FigureUnit::microseconds)) return false;
    if (!row.value && row.kind != FigureKind::text) return false;
  }
  return true;
}

}  // namespace broker
