// broker/server/log_writer.h
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/server/log_form.h"
#include "broker/server/log_outputs.h"
#include "broker/server/log_queue.h"
#include "conf/settings.h"

namespace server {

/// Writes log lines where the configuration says: in Mosquitto's form, "TIME: LINE", or as JSON.
///
/// Shape      Each destination has a LogQueue, except for $SYS topics: a thread that
///            logs never waits for a reader.
/// Invariant  Lines of different threads do not mix. A line has no control character but tabs,
///            whatever names and topics are in it, and at most line_bytes_max bytes.
/// Threads    write(), enabled() and lines_dropped() from any; the others by one thread.
/// Errors     A file that cannot be opened is said on stderr; lines for it are lost.
class LogWriter final : public broker::Log {
 public:
  /// Listeners by their numbers: "port 1883".
  using ListenerNames = std::map<std::uint16_t, std::string>;
  /// Publishes a line below "$SYS/broker/log/"; the topic is whole.
  using TopicWriter = std::function<void(std::string topic, std::string line)>;

  static constexpr std::size_t line_bytes_max = server::line_bytes_max;
  /// Between two checks whether the names of log files have been given to others.
  static constexpr std::int64_t look_seconds = 10;

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
  void write_event(broker::LogType type, const broker::LogFields& fields,
                   std::string_view line) override;
  /// The names that LogFields::listener is printed by.
  void name_listeners(ListenerNames names);

  /// The start is over, or it failed: then its lines go to standard error, too, and `sentence` to
  /// all destinations.
  void started();
  void start_failed(std::string_view sentence);
  /// Opens log files again by their names: after a rotation.
  void reopen();
  /// To be called now and then: opens log files again that were renamed or deleted.
  void look(broker::Instant now);
  /// Whether there are any for look().
  [[nodiscard]] bool has_files() const;
  /// Lines that were dropped because their reader was too slow.
  [[nodiscard]] std::uint64_t lines_dropped() const;
  /// Opens the files that `settings` name: those in use once more, by their names.
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
    std::shared_ptr<FileOutput> file;  // null: no file, and no standard stream
    std::unique_ptr<LogQueue> queue;   // null: a topic, or a file that could not be opened
    bool in_journal = false;           // a standard stream that journald reads
    bool is_terminal = false;
    bool made = false;  // the file was not there before
    bool gone = false;  // it lost its name, and that was said
  };
  using Sinks = std::vector<Sink>;

  /// Returns 0, or errno.
  [[nodiscard]] static int open(Sink& sink, const conf::LogSettings& settings);
  /// Begins to take lines.
  static void begin(Sink& sink, const conf::LogSettings& settings);
  void reopen(Sink& sink);
  [[nodiscard]] std::string stamp(bool terminal) const;
  [[nodiscard]] std::string_view listener_name(const broker::LogFields& fields) const;
  void write_to(const Sink& sink, broker::LogType type, std::string_view stamp,
                std::string_view line);
  void tell_standard_error(std::string_view line);

  std::atomic<std::uint32_t> types_;
  mutable std::mutex mutex_;  // guards the members below
  conf::LogSettings settings_;
  Sinks sinks_;
  std::uint64_t dropped_before_ = 0;  // by destinations that are no more
  ListenerNames listener_names_;
  TopicWriter topic_;
  std::vector<std::pair<std::string, std::string>> early_;  // topic and line, before topic_ is set
  std::vector<std::string> of_start_;                       // errors and warnings, while it starts
  bool starting_ = true;

  broker::Instant next_look_;              // of the thread that calls look()
  std::unique_ptr<LogQueue> last_resort_;  // standard error, where it is no destination
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
  Sinks sinks_;
};

}  // namespace server
