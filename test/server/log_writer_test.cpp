#include "broker/server/log_writer.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdlib.h>
#include <string>
#include <sys/stat.h>
#include <thread>

namespace server {
namespace {

namespace fs = std::filesystem;
using broker::LogType;

/// A log file in a folder that goes away, and the writer for it.
class LogFile {
 public:
  LogFile() {
    std::string name = (fs::temp_directory_path() / "darter-log-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~LogFile() { fs::remove_all(folder_); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  [[nodiscard]] fs::path path() const { return folder_ / "log"; }
  [[nodiscard]] conf::LogSettings settings() const {
    conf::LogSettings settings;
    settings.destinations = {{conf::LogDestinationKind::file, path().string()}};
    settings.timestamp = false;
    return settings;
  }
  [[nodiscard]] static std::string text_of(const fs::path& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  /// Waits until the file has this text: lines are written by another thread.
  void wait_for(const std::string& text) const {
    constexpr std::chrono::seconds patience{10};
    const auto end = std::chrono::steady_clock::now() + patience;
    while (text_of(path()) != text && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    CHECK(text_of(path()) == text);
  }

 private:
  fs::path folder_;
};

broker::Instant look(LogWriter& writer, broker::Instant now) {
  writer.look(now);
  return broker::after_seconds(now, LogWriter::look_seconds);
}

}  // namespace

TEST_CASE("a log file that is renamed or deleted is opened again", "[log_writer]") {
  const LogFile file;
  const fs::path rotated = file.path().string() + ".1";
  {
    LogWriter writer(file.settings());
    writer.write(LogType::notice, "first");
    file.wait_for("first\n");
    broker::Instant now = look(writer, {1000});
    fs::rename(file.path(), rotated);
    now = look(writer, now);
    writer.write(LogType::notice, "second");
    file.wait_for("second\n");
    fs::remove(file.path());
    look(writer, now);
    writer.write(LogType::notice, "third");
  }
  CHECK(LogFile::text_of(file.path()) == "third\n");
  CHECK(LogFile::text_of(rotated) == "first\n");
}

TEST_CASE("a log file that cannot be opened again is written on, and that is said once",
          "[log_writer]") {
  const LogFile file;
  const fs::path moved = file.path().parent_path() / "elsewhere";
  {
    LogWriter writer(file.settings());
    fs::rename(file.path(), moved);
    fs::create_directory(file.path());
    broker::Instant now = look(writer, {1000});
    look(writer, now);
    writer.write(LogType::notice, "last");
  }
  const std::string text = LogFile::text_of(moved);
  CHECK(text.ends_with("Lines go on to the file that had this name before.\nlast\n"));
  CHECK(text.find("Unable to open log file") == text.rfind("Unable to open log file"));
}

TEST_CASE("a fifo without a reader is a log file like any other", "[log_writer]") {
  const LogFile file;
  REQUIRE(::mkfifo(file.path().c_str(), 0600) == 0);
  LogWriter writer(file.settings());
  const std::string line(LogWriter::line_bytes_max, 'x');
  for (int i = 0; i < 1000; ++i) writer.write(LogType::notice, line);
  CHECK(writer.lines_dropped() > 0);
}

TEST_CASE("a line has an end", "[log_writer]") {
  const LogFile file;
  {
    LogWriter writer(file.settings());
    std::string line(LogWriter::line_bytes_max - 1, 'x');
    writer.write(LogType::notice, line + "\xC3\xA4" + std::string(100'000, 'y'));
  }
  CHECK(LogFile::text_of(file.path()) == std::string(LogWriter::line_bytes_max - 1, 'x') + "\n");
}

TEST_CASE("log_format json has fields, and the name of the listener", "[log_writer]") {
  const LogFile file;
  conf::LogSettings settings = file.settings();
  settings.format = conf::LogFormat::json;
  {
    LogWriter writer(settings);
    writer.name_listeners({{7, "1883"}});
    writer.write(LogType::information, "a");
    writer.write_event(LogType::notice,
                       {.event = broker::Event::takeover, .client_id = "c", .listener = 7}, "b\n");
    // Connections of a listener that is gone still have its name.
    writer.name_listeners({{8, "8883"}});
    writer.write_event(LogType::notice, {.event = broker::Event::takeover, .listener = 7}, "d");
    writer.write_event(LogType::notice, {.event = broker::Event::takeover, .listener = 9}, "e");
  }
  CHECK(
      LogFile::text_of(file.path()) ==
      R"({"level":"information","event":"message","message":"a"})"
      "\n"
      R"({"level":"notice","event":"takeover","client":"c","listener":"1883","message":"b\u000a"})"
      "\n"
      R"({"level":"notice","event":"takeover","listener":"1883","message":"d"})"
      "\n"
      R"({"level":"notice","event":"takeover","message":"e"})"
      "\n");
}

TEST_CASE("a text log has the line of an event as it is", "[log_writer]") {
  const LogFile file;
  {
    LogWriter writer(file.settings());
    writer.write_event(LogType::notice, {.event = broker::Event::takeover, .client_id = "c"},
                       "Client c");
  }
  CHECK(LogFile::text_of(file.path()) == "Client c\n");
}

TEST_CASE("log_timestamp_format iso has milliseconds and the time zone", "[log_writer]") {
  const LogFile file;
  conf::LogSettings settings = file.settings();
  settings.timestamp = true;
  settings.timestamp_format = conf::iso_times;
  {
    LogWriter writer(settings);
    writer.write(LogType::notice, "a");
  }
  const std::regex form(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d: a\n)");
  CHECK(std::regex_match(LogFile::text_of(file.path()), form));
}

}  // namespace server
