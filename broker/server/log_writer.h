// broker/server/log_writer.h
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/log.h"
#include "conf/settings.h"
#include "transport/descriptor.h"

namespace server {

/// Writes log lines where the configuration says, in Mosquitto's form: "TIME: LINE".
///
/// Invariant  A line is one write: lines of different threads do not mix. It has no control
///            character but tabs, whatever names and topics are in it.
/// Threads    write() and enabled() from any; reopen(), replace() and set_topic() from any.
/// Errors     A file that cannot be opened is said on stderr; lines for it are lost.
class LogWriter final : public broker::Log {
 public:
  /// Publishes a line below "$SYS/broker/log/"; the topic is whole.
  using TopicWriter = std::function<void(std::string topic, std::string line)>;

  /// Destinations that are open and not in use yet.
  ///
  /// Lifetime   A file that was made for it is removed again unless replace() takes it.
  class Prepared;

  explicit LogWriter(const conf::LogSettings& settings);
  ~LogWriter() override;

  [[nodiscard]] bool enabled(broker::LogType type) const noexcept override {
    return (types_.load(std::memory_order_relaxed) & static_cast<std::uint32_t>(type)) != 0;
  }
  void write(broker::LogType type, std::string_view line) override;

  /// Opens log files again by their names: after a rotation.
  void reopen();
  /// Opens what `settings` name: files that are in use already once more, by their names.
  ///
  /// Errors    One sentence, if a file cannot be opened.
  [[nodiscard]] static std::expected<Prepared, std::string> prepare(
      const conf::LogSettings& settings);
  /// Lines go there from now on, in the form that its settings ask for.
  void replace(Prepared prepared);
  /// Where lines for `log_dest topic` go. The first lines wait for it.
  void set_topic(TopicWriter writer);
  /// Files that this writer made, by their open descriptors: for the user that the broker becomes.
  [[nodiscard]] std::vector<int> made_files() const;
  /// -d: standard output and error lead nowhere from now on.
  void detach();

 private:
  struct Sink {
    conf::LogDestination destination;
    transport::Descriptor file;
    bool made = false;  // the file was not there before

    /// Where to write; -1: to no file.
    [[nodiscard]] int descriptor() const noexcept;
  };
  /// Returns 0, or errno.
  [[nodiscard]] static int open(Sink& sink);
  void open_syslog();
  [[nodiscard]] std::string stamp() const;
  void write_plain(broker::LogType type, std::string_view line);
  void write_to(const Sink& sink, broker::LogType type, std::string_view line,
                const std::string& stamped);

  std::atomic<std::uint32_t> types_;
  std::mutex mutex_;  // guards what follows
  conf::LogSettings settings_;
  std::vector<Sink> sinks_;
  TopicWriter topic_;
  std::vector<std::pair<std::string, std::string>> early_;  // topic and line, before topic_ is set
};

class LogWriter::Prepared {
 public:
  Prepared() = default;
  ~Prepared();
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  Prepared(Prepared&&) noexcept = default;
  Prepared& operator=(Prepared&&) noexcept = default;

 private:
  friend class LogWriter;
  conf::LogSettings settings_;
  std::vector<Sink> sinks_;
};

}  // namespace server
