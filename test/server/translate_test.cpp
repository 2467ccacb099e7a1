#include "broker/server/translate.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

/// A folder that goes away with its content.
class Folder {
 public:
  Folder() {
    std::string name = "/tmp/translate_test_XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }

  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] server::StorePaths paths(const std::string& name) const {
    conf::Settings settings;
    settings.persistence = true;
    settings.persistence_location = path_;
    settings.persistence_file = name;
    return server::store_paths_of(settings);
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("Mosquitto's own name of a store leads to darter's", "[server]") {
  const Folder folder;
  CHECK(folder.paths("mosquitto.db").store == folder / "darter.db");
  CHECK(folder.paths("mosquitto.db").mosquitto == folder / "mosquitto.db");
  CHECK(server::store_paths_of({}).store.empty());
}

TEST_CASE("persistence_file names the store", "[server]") {
  const Folder folder;
  CHECK(folder.paths("my.db").store == folder / "my.db");
  CHECK(folder.paths("my.db").mosquitto.empty());
  folder.write("my.db", std::string("SQLite format 3\0 and more", 25));
  CHECK(folder.paths("my.db").store == folder / "my.db");
}

TEST_CASE("a persistence_file of Mosquitto's is taken over and stays", "[server]") {
  const Folder folder;
  for (const std::string& content : {std::string("\0\xB5\0mosquitto db", 15), std::string()}) {
    folder.write("my.db", content);
    CHECK(folder.paths("my.db").store == folder / "my.db.darter");
    CHECK(folder.paths("my.db").mosquitto == folder / "my.db");
  }
}

TEST_CASE("a store that was made beside a file of Mosquitto's is used again", "[server]") {
  const Folder folder;
  folder.write("my.db.darter", "SQLite format 3");
  CHECK(folder.paths("my.db").store == folder / "my.db.darter");
}
