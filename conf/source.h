#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/diagnostic.h"
#include "conf/options.h"
#include "conf/value.h"

namespace conf {

/// Where something was written.
struct Place {
  std::string file;
  int line = 0;  ///< counted from 1
};

/// One option as it was set.
struct Entry {
  const Option* option = nullptr;  ///< a row of the table: lives for ever
  Value value;
  Place place;
};

/// The heading of a listener: `listener` for clients of MQTT, or `http_listener`.
enum class ListenerKind : std::uint8_t { mqtt, http };

/// The options of one listener, among them its place: port, bind_address or unix_socket_path.
struct ListenerSource {
  Place place;
  ListenerKind kind = ListenerKind::mqtt;
  std::vector<Entry> entries;
};

/// The options of one bridge, its name among them.
struct BridgeSource {
  Place place;
  std::vector<Entry> entries;
};

/// The content of a configuration of either form: each option is checked, but nothing is combined
/// yet.
///
/// Shape      globals: options of the broker, and security options that stand for every listener.
///            default_listener: listener options that stand before any listener.
///            form_defaults: Option::mosquitto_default of each option that has one, in a
///            mosquitto.conf; they stand for every listener and give way to all that is written.
/// Invariant  Each value fits its option. Entries stand in the order of the file.
struct Source {
  std::vector<Entry> globals;
  std::vector<Entry> default_listener;
  std::vector<ListenerSource> listeners;
  std::vector<BridgeSource> bridges;
  std::vector<Entry> form_defaults;
  Diagnostics diagnostics;
};

/// The last entry of that option; null if it was not set.
[[nodiscard]] const Entry* find_entry(const std::vector<Entry>& entries, std::string_view name);

/// Collects a reader's findings: the part of reading that both forms share.
///
/// Errors     None are returned: all end up in the source's diagnostics, so that every error of a
///            file is reported at once.
class SourceWriter {
 public:
  /// The owner of an option: the broker, the default listener, a listener by its number, or a
  /// bridge: the first is `first_bridge`, and each later one is one less.
  enum class Owner : std::ptrdiff_t { first_bridge = -3, globals = -2, default_listener = -1 };

  [[nodiscard]] static bool is_bridge(Owner owner) { return owner <= Owner::first_bridge; }

  /// Returns   The owner of the options that follow.
  Owner begin_listener(const Place& place, ListenerKind kind);

  /// The same for a bridge.
  Owner begin_bridge(const Place& place);

  /// Sets `option`, which was written as `name`, and reports each fault of it.
  void set(const Option& option, std::string_view name, const Value& value, const Place& place,
           Owner owner);

  /// Sets an option that must exist.
  void set(std::string_view name, const Value& value, const Place& place, Owner owner);

  /// Of numbers and flags the last one counts, and so it is of strings where Mosquitto takes the
  /// last (Option::last_counts), with a warning. Other strings may stand once.
  ///
  /// Returns   True, and says so, if `option` may not be given again.
  [[nodiscard]] bool is_given_twice(const Option& option, const Place& place, Owner owner);

  /// Has anybody a security option or a plugin so far?
  [[nodiscard]] bool has_security() const;

  void error(const Place& place, std::string text);
  void remark(Severity severity, const Place& place, std::string text);

  /// Reports a name that is not in the table, with the nearest that is.
  void unknown(std::string_view name, const Place& place);

  /// Reports an option that has no effect because its feature is missing.
  void not_built_in(std::string_view name, const Place& place);

  [[nodiscard]] const std::vector<Entry>& globals() const { return source_.globals; }
  [[nodiscard]] Source take() &&;

 private:
  [[nodiscard]] std::vector<Entry>& entries_of(Owner owner);
  void comment_on(const Option& option, std::string_view name, const Value& value,
                  const Place& place);

  Source source_;
};

}  // namespace conf
