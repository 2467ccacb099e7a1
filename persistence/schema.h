// persistence/schema.h
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "persistence/database.h"

namespace persistence {

/// The tables of the store, as persistence/README.md tells them, and how older ones become these.
///
/// Shape      PRAGMA application_id says that the file is darter's, PRAGMA user_version which
///            version of the schema it has; steps[i] leads from version i to version i + 1.
struct Schema {
  static constexpr int version = 2;
  static constexpr std::int64_t application_id = 0x44415254;  // "DART"

  /// Makes the tables of an empty file, or brings those of an older version up to date, in one
  /// transaction.
  /// Errors    A file that is not darter's, or of a version that is newer than this program.
  [[nodiscard]] static Answer<void> prepare(Database& database);
  /// The same with other steps.
  [[nodiscard]] static Answer<void> lead(Database& database, std::span<const std::string> steps);
};

}  // namespace persistence
