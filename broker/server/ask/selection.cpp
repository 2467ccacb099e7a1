#include "broker/server/ask/selection.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <fnmatch.h>
#include <iterator>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/core/session.h"
#include "broker/core/text.h"

namespace ask {
namespace {

using broker::concat;

constexpr auto filter_names =
    std::to_array<std::string_view>({"id", "user", "address", "listener", "version", "connected"});
constexpr auto order_names =
    std::to_array<std::string_view>({"queue", "rate", "age", "silent", "dropped", "id"});

template <typename Names>
std::string list_of(const Names& names) {
  std::string text;
  for (const std::string_view each : names) text += concat({text.empty() ? "" : ", ", each});
  return text;
}

/// In tenths: more digits mean nothing.
double rounded(double rate) { return std::round(rate * 10) / 10; }

std::uint64_t rank_of(ClientOrder order, const broker::ClientView& client) {
  switch (order) {
    case ClientOrder::queue:
      return client.queued_bytes + client.socket_bytes;
    case ClientOrder::rate:
      return static_cast<std::uint64_t>((client.rates.received + client.rates.sent) * 1000);
    case ClientOrder::age:
      return static_cast<std::uint64_t>(std::max<std::int64_t>(client.connected_seconds, 0));
    case ClientOrder::silent:
      return static_cast<std::uint64_t>(std::max<std::int64_t>(client.silent_seconds, 0));
    case ClientOrder::dropped:
      return client.dropped;
    case ClientOrder::id:
      break;
  }
  return 0;
}

}  // namespace

std::expected<ClientFilter, std::string> client_filter_of(std::string_view text) {
  const std::size_t equals = text.find('=');
  const auto* const found = std::ranges::find(filter_names, text.substr(0, equals));
  if (equals == text.npos || found == filter_names.end()) {
    return std::unexpected(concat({"A filter is KEY=PATTERN, with one of the keys ",
                                   list_of(filter_names), ", not '", broker::cut(text), "'."}));
  }
  return ClientFilter{static_cast<ClientFilter::Key>(found - filter_names.begin()),
                      std::string(text.substr(equals + 1))};
}

std::expected<ClientOrder, std::string> client_order_of(std::string_view text) {
  const auto* const found = std::ranges::find(order_names, text);
  if (found != order_names.end()) return static_cast<ClientOrder>(found - order_names.begin());
  return std::unexpected(concat(
      {"Clients are sorted by ", list_of(order_names), ", not by '", broker::cut(text), "'."}));
}

bool Selection::matches(const broker::ClientView& client) const {
  return std::ranges::all_of(options_.filters, [&](const ClientFilter& filter) {
    const auto value = [&]() -> std::string {
      switch (filter.key) {
        case ClientFilter::Key::id:
          return std::string(client.client_id);
        case ClientFilter::Key::user:
          return std::string(client.user_name);
        case ClientFilter::Key::address:
          return std::string(client.address);
        case ClientFilter::Key::listener:
          return options_.listeners.at(client.listener);
        case ClientFilter::Key::version:
          return std::string(broker::version_text(client.version));
        case ClientFilter::Key::connected:
          break;
      }
      return client.connected ? "yes" : "no";
    }();
    return ::fnmatch(filter.pattern.c_str(), value.c_str(), FNM_NOESCAPE) == 0;
  });
}

bool Selection::add(const broker::ClientView& client) {
  assert(client.listener < options_.listeners.size());
  if (matches(client)) {
    const std::uint64_t rank = options_.order ? rank_of(*options_.order, client) : 0;
    // Most clients of a long list are behind all that are kept.
    const bool lost = options_.order && *options_.order != ClientOrder::id &&
                      rows_.size() == options_.rows_max && rank < rows_.front().rank;
    if (!lost) keep({rank, json_of(client, options_.listeners[client.listener])});
  }
  return options_.order || rows_.size() < options_.rows_max;
}

void Selection::add(Selection&& other) {
  for (Row& row : other.rows_) {
    if (options_.order || rows_.size() < options_.rows_max) keep(std::move(row));
  }
  other.rows_.clear();
}

bool Selection::is_before(const Row& left, const Row& right) const {
  if (left.rank != right.rank) return left.rank > right.rank;
  return left.json["client_id"] < right.json["client_id"];
}

void Selection::keep(Row row) {
  rows_.push_back(std::move(row));
  if (!options_.order) return;
  const auto before = [this](const Row& left, const Row& right) { return is_before(left, right); };
  std::ranges::push_heap(rows_, before);
  if (rows_.size() <= options_.rows_max) return;
  std::ranges::pop_heap(rows_, before);
  rows_.pop_back();
}

Json Selection::take() {
  if (options_.order) {
    std::ranges::sort_heap(
        rows_, [this](const Row& left, const Row& right) { return is_before(left, right); });
  }
  Json list = Json::array();
  for (Row& row : rows_) list.push_back(std::move(row.json));
  rows_.clear();
  return list;
}

Json json_of(const broker::ClientView& client, std::string_view listener) {
  Json row;
  row["client_id"] = client.client_id;
  row["user"] = client.user_name;
  row["connected"] = client.connected;
  row["address"] = client.address;
  row["port"] = client.port;
  row["listener"] = listener;
  row["version"] = broker::version_text(client.version);
  row["bridge"] = client.from_bridge;
  row["keep_alive_seconds"] = client.keep_alive_seconds;
  row["connected_seconds"] = client.connected_seconds;
  row["silent_seconds"] = client.silent_seconds;
  if (client.expiry_interval_seconds == broker::session_never_expires) {
    row["session_expiry_seconds"] = nullptr;
  } else {
    row["session_expiry_seconds"] = client.expiry_interval_seconds;
  }
  row["expires_in_seconds"] = client.expires_seconds ? Json(*client.expires_seconds) : Json();
  row["subscriptions"] = client.subscriptions;
  row["in_flight"] = client.in_flight;
  row["queued"] = client.queued;
  row["queued_bytes"] = client.queued_bytes;
  row["socket_bytes"] = client.socket_bytes;
  row["incoming_qos_2"] = client.incoming;
  row["dropped"] = client.dropped;
  row["received_per_second"] = rounded(client.rates.received);
  row["sent_per_second"] = rounded(client.rates.sent);
  if (!client.blocking_packet.empty()) row["blocking_packet"] = client.blocking_packet;
  return row;
}

Json json_of(const broker::SubscriptionView& subscription) {
  Json row;
  row["filter"] = subscription.filter;
  row["share_name"] = subscription.share_name;
  row["qos"] = static_cast<int>(subscription.qos);
  row["no_local"] = subscription.no_local;
  row["retain_as_published"] = subscription.retain_as_published;
  row["identifier"] = subscription.subscription_identifier;
  return row;
}

}  // namespace ask
