// broker/server/log_queue.h
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "broker/core/log.h"

namespace server {

/// A line on its way to a destination.
struct LogLine {
  broker::LogType type = broker::LogType::none;
  std::string stamp;  // the time in front of it, for destinations that have none of their own
  std::string text;
};

/// Where lines end up. Writing may take as long as it likes.
///
/// Threads    write() is called by one thread.
class LogOutput {
 public:
  LogOutput() = default;
  virtual ~LogOutput() = default;
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;
  virtual void write(std::span<const LogLine> lines) = 0;
};

/// Lines in front of one output, and the thread that writes them: a pipe without a reader, a log
/// daemon that hangs or a slow disk holds up that thread, and no thread that logs.
///
/// Invariant  At most bytes_max wait. Further lines are dropped and counted; a line says so where
///            they would have stood.
/// Lifetime   The destructor waits a second for the lines that are still to be written. A thread
///            that hangs in its output after that is left behind, with all that it needs.
/// Threads    add() and dropped() from any.
class LogQueue {
 public:
  static constexpr std::size_t bytes_max = std::size_t{1} << 20U;

  /// The form of the line about dropped lines, which is made here; empty: as it is.
  using Form = std::string (*)(std::string_view sentence);

  explicit LogQueue(std::shared_ptr<LogOutput> output, Form form = nullptr);
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

  void add(broker::LogType type, std::string_view stamp, std::string_view text);
  /// Waits until everything is written, or for so long.
  void flush(std::chrono::milliseconds patience) const;
  /// Lines that were dropped so far.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace server
