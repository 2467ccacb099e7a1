// broker/server/ask/selection.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/client_view.h"

namespace ask {

using Json = nlohmann::ordered_json;

/// One condition on clients: "KEY=PATTERN".
///
/// Shape      In a pattern * stands for any text, and ? for one byte.
struct ClientFilter {
  enum class Key : std::uint8_t { id, user, address, listener, version, connected };
  Key key = Key::id;
  std::string pattern;
};
/// Errors    One sentence, which lists the keys.
[[nodiscard]] std::expected<ClientFilter, std::string> client_filter_of(std::string_view text);

/// The order of a list of clients, those with the highest values first; `id` in alphabetical order.
enum class ClientOrder : std::uint8_t { queue, rate, age, silent, dropped, id };
/// Errors    One sentence, which lists the orders.
[[nodiscard]] std::expected<ClientOrder, std::string> client_order_of(std::string_view text);

/// The clients of one shard that a question is about, as rows.
///
/// Shape      add() ... add() -> rows. With an order it keeps the first `rows_max` of all that were
///            added; without one the first to come.
/// Cost       Memory for `rows_max` rows, however many are added.
/// Threads    None.
class Selection {
 public:
  struct Options {
    std::vector<ClientFilter> filters;  // all hold
    std::optional<ClientOrder> order;   // nothing: as they come
    std::size_t rows_max = 0;
    std::vector<std::string> listeners;  // names, by index
  };
  explicit Selection(const Options& options) : options_(options) {}

  /// Takes a client if it is asked for. Returns whether more are wanted.
  bool add(const broker::ClientView& client);
  /// Takes the rows of another one, of the same options.
  void add(Selection&& other);
  [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }
  /// The rows, in order. Nothing is left here.
  [[nodiscard]] Json take();

 private:
  struct Row {
    std::uint64_t rank = 0;  // the higher, the further in front
    Json json;               // has "client_id"
  };
  [[nodiscard]] bool matches(const broker::ClientView& client) const;
  /// Puts a row in its place among those that are kept, or drops it.
  void keep(Row row);
  [[nodiscard]] bool is_before(const Row& left, const Row& right) const;

  const Options& options_;
  std::vector<Row> rows_;  // with an order a heap, its last one in front
};

/// One client as it is answered, without its subscriptions.
[[nodiscard]] Json json_of(const broker::ClientView& client, std::string_view listener);
[[nodiscard]] Json json_of(const broker::SubscriptionView& subscription);

}  // namespace ask
