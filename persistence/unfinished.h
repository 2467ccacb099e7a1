// persistence/unfinished.h
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "persistence/database.h"

namespace persistence {

/// A store that is being written anew says so, until all of it is there: so that a process that
/// ends before leaves no store that looks whole.
///
/// Shape      One row of `note`, in the first transaction of the fresh file. The one that brings
/// all
///            rows removes it. Its text is the name under which the lost file was kept; "-": there
///            was none.
struct Unfinished {
  static constexpr std::string_view note_name = "renewal";

  /// Makes a file at `path` that is a store without rows, with these notes and that one; it is on
  /// the disk when this returns.
  [[nodiscard]] static Answer<void> make(const std::string& path,
                                         const std::map<std::string, std::string>& notes,
                                         std::string_view kept_as);
  /// Whether the store is one.
  [[nodiscard]] static Answer<bool> is(Database& database);
  /// The sentence about one that a start finds.
  [[nodiscard]] static std::string sentence(const std::string& path, std::string_view note);
};

}  // namespace persistence
