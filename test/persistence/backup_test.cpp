#include "persistence/backup.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <string>
#include <sys/stat.h>

#include "persistence/store.h"
#include "test/persistence/fixture.h"

// Copies of a store that a broker has open, and how they come back.

namespace {

using broker::LogType;
using persistence::back_up;
using persistence::Store;
using test::Folder;
using test::Lines;
using test::Rows;

Rows one(std::uint64_t key) {
  Rows rows;
  rows.session(key, "client" + std::to_string(key));
  return rows;
}

std::size_t sessions_in(const std::string& path, Lines& log) {
  const auto store = test::open_store(path, log);
  return test::contents_of(*store).loaded.sessions;
}

std::expected<std::string, std::string> restore(const std::string& path,
                                                const std::string& backup) {
  std::FILE* const file = std::fopen(backup.c_str(), "rbe");
  REQUIRE(file != nullptr);
  auto restored = persistence::restore(path, file, backup);
  std::fclose(file);
  return restored;
}

std::size_t files_in(const Folder& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a copy of an open store is one file with one state, though more is committed meanwhile",
          "[backup]") {
  Folder folder;
  Folder other;
  Lines log;
  const std::string path = folder.file("darter.db");
  const std::string copy = other.file("copy");
  const auto store = test::open_store(path, log);
  for (std::uint64_t key = 1; key <= 3; ++key) REQUIRE(test::write(*store, one(key)));
  Rows large;
  large.message(1'000, "t", std::string(20'000'000, 'x')).retained("t", 1'000);
  REQUIRE(test::write(*store, large));
  std::uint64_t key = 3;
  const auto bytes = back_up(path, copy, [&](std::uint64_t /*done*/, std::uint64_t /*total*/) {
    REQUIRE(test::write(*store, one(++key)));
  });
  REQUIRE(bytes);
  CHECK(key > 4);
  CHECK(*bytes == std::filesystem::file_size(copy));
  CHECK(files_in(other) == 1);
  struct stat status{};
  REQUIRE(::stat(copy.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(sessions_in(copy, log) == 3);
  CHECK(log.count(LogType::error, "") == 0);
  CHECK(test::contents_of(*store).loaded.sessions == key);
}

TEST_CASE("a copy that is told to stop leaves nothing, and what was there before stays",
          "[backup]") {
  Folder folder;
  Folder other;
  Lines log;
  const std::string path = folder.file("darter.db");
  const std::string copy = other.file("copy");
  const auto store = test::open_store(path, log);
  Rows large;
  large.message(1'000, "t", std::string(20'000'000, 'x')).retained("t", 1'000);
  REQUIRE(test::write(*store, large));
  const bool has_older = GENERATE(false, true);
  if (has_older) std::ofstream(copy) << "an older one";
  const bool at_the_end = GENERATE(false, true);
  std::stop_source source;
  std::uint64_t steps = 0;
  const auto bytes = back_up(
      path, copy,
      [&](std::uint64_t done, std::uint64_t total) {
        ++steps;
        if (!at_the_end || done == total) source.request_stop();
      },
      source.get_token());
  REQUIRE_FALSE(bytes);
  CHECK((steps == 1) != at_the_end);
  CHECK(files_in(other) == (has_older ? 1 : 0));
  CHECK(test::write(*store, one(1)));
  if (has_older) CHECK(std::filesystem::file_size(copy) == 12);
}

TEST_CASE("a copy of a closed store leaves nothing beside it", "[backup]") {
  Folder folder;
  Folder other;
  Lines log;
  const std::string path = folder.file("darter.db");
  test::write(*test::open_store(path, log), one(1)).value();
  const std::size_t before = files_in(folder);
  const std::string copy = other.file("copy");
  std::ofstream(copy) << "an older one";
  REQUIRE(back_up(path, copy, {}));
  CHECK(files_in(folder) == before);
  CHECK(sessions_in(copy, log) == 1);
}

TEST_CASE("what is no store, or no place for a copy, is refused", "[backup]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  CHECK(back_up(path, path, {}).error().find("another file than the store") != std::string::npos);
  for (const char* const part : {"-wal", "-shm", ".lock"}) {
    CHECK(back_up(path, path + part, {}).error().find("another file than the store") !=
          std::string::npos);
  }
  CHECK(back_up(path, folder.path().string(), {}).error().find("a regular one") !=
        std::string::npos);
  CHECK(back_up(folder.file("none"), folder.file("copy"), {}).error().find("No such file") !=
        std::string::npos);
  CHECK(back_up(path, folder.file("no/copy"), {}).error().find("No such file") !=
        std::string::npos);
  {
    std::ofstream(folder.file("text")) << "not a database, though it is long enough to be read";
  }
  const auto copied = back_up(folder.file("text"), folder.file("copy"), {});
  REQUIRE_FALSE(copied);
  CHECK(copied.error().find("not a database") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.file("copy")));
  CHECK_FALSE(std::filesystem::exists(folder.file("copy.partial")));
}

TEST_CASE("a copy comes back in the place of what was there, which is kept", "[backup]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const std::string copy = folder.file("copy");
  const bool killed = GENERATE(false, true);
  {
    const auto store = test::open_store(path, log);
    REQUIRE(test::write(*store, one(1)));
    REQUIRE(back_up(path, copy, {}));
    REQUIRE(test::write(*store, one(2)));
    const auto refused = restore(path, copy);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().find("is in use by another darter") != std::string::npos);
    if (killed) {
      for (const char* const part : {"", "-wal"}) {
        std::filesystem::copy_file(path + part, folder.file("killed") + part);
      }
    }
  }
  if (killed) {
    for (const char* const part : {"", "-wal"}) {
      std::filesystem::rename(folder.file("killed") + part, path + part);
    }
  }
  const auto aside = restore(path, copy);
  REQUIRE(aside);
  CHECK(aside->starts_with(path + ".replaced-"));
  CHECK_FALSE(std::filesystem::exists(path + "-wal"));
  CHECK(sessions_in(path, log) == 1);
  CHECK(sessions_in(*aside, log) == 2);
  CHECK(log.count(LogType::warning, "") == 0);
  CHECK(log.count(LogType::error, "") == 0);
}

TEST_CASE("a copy comes back where there is nothing", "[backup]") {
  Folder folder;
  Folder other;
  Lines log;
  const std::string path = folder.file("darter.db");
  test::write(*test::open_store(path, log), one(1)).value();
  REQUIRE(back_up(path, folder.file("copy"), {}));
  CHECK(restore(other.file("darter.db"), folder.file("copy")) == std::string());
  CHECK(sessions_in(other.file("darter.db"), log) == 1);
}

TEST_CASE("what cannot be restored leaves the store as it is", "[backup]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  test::write(*test::open_store(path, log), one(1)).value();
  const std::size_t before = files_in(folder);
  Folder other;
  const std::string copy = other.file("copy");
  const auto [make, says] = GENERATE_REF(table<std::string, std::string>({
      {"text", "not a database"},
      {"half", "malformed"},
      {"newer", "its version is 99"},
      {"other", "it is no store of darter"},
      {"log", "it has a log"},
  }));
  CAPTURE(make);
  REQUIRE(back_up(path, copy, {}));
  if (make == "text") std::ofstream(copy) << std::string(8192, 'x');
  if (make == "half") std::filesystem::resize_file(copy, 3 * 4096);
  if (make == "newer") test::value_in(copy, "PRAGMA user_version = 99");
  if (make == "other") test::value_in(copy, "PRAGMA application_id = 7");
  std::unique_ptr<Store> open;
  if (make == "log") open = test::open_store(copy, log);
  const auto restored = restore(path, copy);
  REQUIRE_FALSE(restored);
  CHECK(restored.error().find(says) != std::string::npos);
  CHECK(files_in(folder) == before);
  CHECK(sessions_in(path, log) == 1);
}
