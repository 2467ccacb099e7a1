// persistence/notes.h
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "persistence/database.h"

namespace persistence {

/// The table `note`: texts that the broker remembers about its store, by name.
///
/// Lifetime   The database outlives it; it may be closed and opened anew in between.
/// Threads    Those of the database.
class Notes {
 public:
  explicit Notes(Database& database) : database_(database) {}

  /// Reads all of them, so that a store that begins anew keeps them.
  [[nodiscard]] Answer<void> read();
  /// The text of a name; empty: there is none.
  [[nodiscard]] Answer<std::string> get(std::string_view name);
  [[nodiscard]] Answer<void> set(std::string_view name, std::string_view text);
  /// Removes one, if it is there.
  [[nodiscard]] Answer<void> remove(std::string_view name);
  /// Everything that was read or set, by name.
  [[nodiscard]] const std::map<std::string, std::string>& all() const noexcept { return texts_; }

 private:
  Database& database_;
  std::map<std::string, std::string> texts_;
};

}  // namespace persistence
