#include "persistence/notes.h"

#include <utility>

namespace persistence {

Answer<void> Notes::read() {
  auto rows = database_.prepare("SELECT name, value FROM note");
  if (!rows) return std::unexpected(rows.error());
  for (;;) {
    const auto more = rows->next();
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
    std::string name(rows->text());
    texts_[std::move(name)] = rows->text();
  }
}

Answer<std::string> Notes::get(std::string_view name) {
  auto statement = database_.prepare("SELECT value FROM note WHERE name = ?");
  if (!statement) return std::unexpected(statement.error());
  auto row = statement->bind(name).next();
  if (!row) return std::unexpected(row.error());
  return *row ? std::string(statement->text()) : std::string();
}

Answer<void> Notes::set(std::string_view name, std::string_view text) {
  auto statement = database_.prepare("INSERT OR REPLACE INTO note VALUES(?,?)");
  if (!statement) return std::unexpected(statement.error());
  auto done = statement->bind(name, text).run();
  if (done) texts_[std::string(name)] = text;
  return done;
}

Answer<void> Notes::remove(std::string_view name) {
  auto statement = database_.prepare("DELETE FROM note WHERE name = ?");
  if (!statement) return std::unexpected(statement.error());
  auto done = statement->bind(name).run();
  if (done) texts_.erase(std::string(name));
  return done;
}

}  // namespace persistence
