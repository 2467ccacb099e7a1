// broker/server/http/exposition.h
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "broker/core/figure.h"
#include "broker/core/histogram.h"

namespace server {

/// The two forms of the text: that of OpenMetrics 1.0, and the older one of Prometheus, 0.0.4.
enum class ExpositionForm : std::uint8_t { prometheus, openmetrics };
/// As a Content-Type.
[[nodiscard]] std::string_view content_type_of(ExpositionForm form) noexcept;

/// Figures as a text of samples, for Prometheus and all that read the same.
///
/// Shape      For each row of a table a family: TYPE, UNIT and HELP, then its samples.
///                name ─▶ darter_ NAME [_bytes | _seconds] [_total]
///            A counter ends in _total; times are seconds, whatever the unit of the row. A text
///            becomes a label of an info metric if the row is the broker's own; others are left
///            out, as each of their values would be a series of its own.
/// Invariant  Samples of a family stand together, as both forms demand.
/// Lifetime   add() in any order, then finish() once.
/// Threads    None.
/// Source     OpenMetrics 1.0; Prometheus, exposition formats, text-based format 0.0.4.
class Exposition {
 public:
  /// A Source, and the name of its item; empty: there is one Source, without name.
  template <typename Source>
  using Item = std::pair<std::string_view, const Source*>;

  explicit Exposition(ExpositionForm form) : form_(form) {}

  /// Appends the families of a table. Without items there is nothing to append.
  template <typename Source>
  void add(const broker::FigureTable<Source>& table, std::span<const Item<Source>> items);
  /// The whole text.
  [[nodiscard]] std::string finish() &&;

 private:
  /// A row without its Source.
  struct Family {
    std::string_view name;
    broker::FigureKind kind;
    broker::FigureUnit unit;
    std::string_view help;
  };
  void begin(const Family& family);
  void sample(std::string_view label, std::string_view item, std::int64_t value);
  void histogram(const broker::Histogram& histogram);
  void info(std::string_view name, std::string_view help, std::string_view text);
  [[nodiscard]] bool is_openmetrics() const noexcept {
    return form_ == ExpositionForm::openmetrics;
  }

  ExpositionForm form_;
  std::string text_;
  std::string name_;  // of the family, as its samples have it
  broker::FigureUnit unit_ = broker::FigureUnit::none;
};

/// The name of a family, without _total: "darter_received_bytes".
[[nodiscard]] std::string family_name(std::string_view name, broker::FigureUnit unit);

template <typename Source>
void Exposition::add(const broker::FigureTable<Source>& table,
                     std::span<const Item<Source>> items) {
  if (items.empty()) return;
  for (const broker::Figure<Source>& row : table.rows) {
    const bool is_own = table.owner == broker::FigureOwner::broker;
    if (row.kind == broker::FigureKind::text) {
      if (is_own) info(row.name, row.help, row.format(*items.front().second));
      continue;
    }
    begin({row.name, row.kind, row.unit, row.help});
    for (const auto& [item, source] : items) {
      if (row.value->is_histogram) {
        histogram(row.value->histogram(*source));
        continue;
      }
      for (std::size_t i = 0; i < broker::item_count(row); ++i) {
        sample(row.label, row.items.empty() ? item : row.items[i], row.value->read(*source, i));
      }
    }
  }
}

}  // namespace server
