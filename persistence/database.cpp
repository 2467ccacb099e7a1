#include "persistence/database.h"

#include <cassert>
#include <utility>

namespace persistence {
namespace {

DatabaseError error_of(sqlite3* database) {
  return {sqlite3_extended_errcode(database), sqlite3_errmsg(database)};
}

}  // namespace

bool DatabaseError::damaged() const noexcept {
  const int primary = code & 0xFF;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

Answer<Statement> Statement::prepare(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* made = nullptr;
  const int code = sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  if (code != SQLITE_OK) return std::unexpected(error_of(database));
  Statement statement;
  statement.statement_.reset(made);
  return statement;
}

DatabaseError Statement::error() const { return error_of(sqlite3_db_handle(statement_.get())); }

void Statement::reset() noexcept {
  sqlite3_reset(statement_.get());
  parameter_ = 0;
}

Answer<void> Statement::run() {
  assert(parameter_ == sqlite3_bind_parameter_count(statement_.get()));
  const int code = sqlite3_step(statement_.get());
  if (code != SQLITE_DONE) {
    auto failure = error();
    reset();
    return std::unexpected(std::move(failure));
  }
  reset();
  return {};
}

Answer<bool> Statement::next() {
  column_ = 0;
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  auto failure = error();
  reset();
  return std::unexpected(std::move(failure));
}

Answer<bool> Statement::finds() {
  auto row = next();
  reset();
  return row;
}

std::int64_t Statement::integer() noexcept {
  assert(column_ < sqlite3_data_count(statement_.get()));
  return sqlite3_column_int64(statement_.get(), column_++);
}

std::optional<std::int64_t> Statement::integer_or_null() noexcept {
  assert(column_ < sqlite3_data_count(statement_.get()));
  if (sqlite3_column_type(statement_.get(), column_) == SQLITE_NULL) {
    ++column_;
    return std::nullopt;
  }
  return integer();
}

std::string_view Statement::text() noexcept {
  assert(column_ < sqlite3_data_count(statement_.get()));
  const void* const data = sqlite3_column_blob(statement_.get(), column_);
  const int size = sqlite3_column_bytes(statement_.get(), column_);
  ++column_;
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

void Statement::bind_one(std::int64_t value) noexcept {
  assert(parameter_ < sqlite3_bind_parameter_count(statement_.get()));
  sqlite3_bind_int64(statement_.get(), ++parameter_, value);
}

void Statement::bind_one(const std::optional<std::int64_t>& value) noexcept {
  if (value) {
    bind_one(*value);
  } else {
    sqlite3_bind_null(statement_.get(), ++parameter_);
  }
}

void Statement::bind_one(std::string_view text) noexcept {
  assert(parameter_ < sqlite3_bind_parameter_count(statement_.get()));
  const char* const data = text.empty() ? "" : text.data();  // null would be NULL
  sqlite3_bind_text64(statement_.get(), ++parameter_, data, text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
}

void Statement::bind_one(std::span<const std::byte> blob) noexcept {
  assert(parameter_ < sqlite3_bind_parameter_count(statement_.get()));
  const void* const data = blob.empty() ? "" : static_cast<const void*>(blob.data());
  sqlite3_bind_blob64(statement_.get(), ++parameter_, data, blob.size(), SQLITE_STATIC);
}

Answer<Database> Database::open(const std::string& name, int flags) {
  sqlite3* made = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &made, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database;
  database.handle_.reset(made);
  if (code != SQLITE_OK) return std::unexpected(error_of(made));
  sqlite3_extended_result_codes(made, 1);
  return database;
}

Answer<Database> Database::open(const std::string& path) {
  return open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

Answer<Database> Database::open_to_read(const std::string& path) {
  return open(path, SQLITE_OPEN_READONLY);
}

Answer<Database> Database::open_without_log(const std::string& path) {
  std::string name = "file:";
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      constexpr std::string_view digits = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      name += {'%', digits[byte >> 4U], digits[byte & 0xFU]};
    } else {
      name += c;
    }
  }
  return open(name + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

Answer<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return std::unexpected(error_of(handle_.get()));
  }
  return {};
}

Answer<std::string> Database::value(const std::string& sql) {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  auto row = statement->next();
  if (!row) return std::unexpected(row.error());
  return *row ? std::string(statement->text()) : std::string();
}

}  // namespace persistence
