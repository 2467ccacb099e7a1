// persistence/database.h
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <sqlite3.h>
#include <string>
#include <string_view>

namespace persistence {

/// An error that the database reports.
struct DatabaseError {
  int code = SQLITE_OK;  // SQLite's, extended
  std::string what;

  /// The file is corrupt or no database: to try again is of no use.
  [[nodiscard]] bool damaged() const noexcept;
};

template <typename T>
using Answer = std::expected<T, DatabaseError>;

/// A prepared statement: bind its parameters, then run it, or step through its rows.
///
/// Shape      bind() fills the next parameter, column() reads the next column; both start over with
///            each run() or row.
/// Lifetime   Bound texts and blobs must live until run() or the last next(). The database outlives
///            its statements.
/// Threads    Those of its database.
class Statement {
 public:
  Statement() = default;
  [[nodiscard]] static Answer<Statement> prepare(sqlite3* database, std::string_view sql);

  template <typename... Values>
  Statement& bind(const Values&... values) {
    (bind_one(values), ...);
    return *this;
  }
  /// Does it, for a statement without rows.
  [[nodiscard]] Answer<void> run();
  /// Moves to the next row. Returns false after the last, and starts over.
  [[nodiscard]] Answer<bool> next();
  /// Whether there is a row. Starts over.
  [[nodiscard]] Answer<bool> finds();

  [[nodiscard]] std::int64_t integer() noexcept;
  [[nodiscard]] std::optional<std::int64_t> integer_or_null() noexcept;
  /// Good until the next row.
  [[nodiscard]] std::string_view text() noexcept;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };

  void bind_one(std::int64_t value) noexcept;
  void bind_one(const std::optional<std::int64_t>& value) noexcept;
  void bind_one(std::string_view text) noexcept;
  void bind_one(std::span<const std::byte> blob) noexcept;
  void reset() noexcept;
  [[nodiscard]] DatabaseError error() const;

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int parameter_ = 0;
  int column_ = 0;
};

/// One connection to a SQLite file.
///
/// Threads    One at a time.
/// Errors     As values. Each one carries SQLite's message.
class Database {
 public:
  Database() = default;
  /// Opens the file, or makes it.
  [[nodiscard]] static Answer<Database> open(const std::string& path);
  /// Opens the file to be read, as if it had no write-ahead log and no writer.
  [[nodiscard]] static Answer<Database> open_without_log(const std::string& path);
  /// Opens the file to be read, with its log, beside others that may write.
  [[nodiscard]] static Answer<Database> open_to_read(const std::string& path);

  [[nodiscard]] Answer<void> execute(const std::string& sql);
  /// The first column of the first row.
  [[nodiscard]] Answer<std::string> value(const std::string& sql);
  [[nodiscard]] Answer<Statement> prepare(std::string_view sql) {
    return Statement::prepare(handle_.get(), sql);
  }
  [[nodiscard]] sqlite3* handle() noexcept { return handle_.get(); }

 private:
  [[nodiscard]] static Answer<Database> open(const std::string& name, int flags);
  struct Close {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace persistence
