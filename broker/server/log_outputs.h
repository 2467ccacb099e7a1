// broker/server/log_outputs.h
#pragma once

#include <memory>
#include <mutex>

#include "broker/server/log_queue.h"
#include "transport/descriptor.h"

namespace server {

/// A file, or one of the standard streams.
///
/// Invariant  A write has whole lines, and no more bytes than a pipe takes at once: lines of
///            several writers to one pipe do not mix.
/// Threads    descriptor(), replace() and write() from any.
class FileOutput final : public LogOutput {
 public:
  /// One of the standard streams, which stays open. `priorities`: "<4>" stands in front of each
  /// line, as sd-daemon(3) has it.
  explicit FileOutput(int standard_stream, bool priorities = false)
      : standard_(standard_stream), priorities_(priorities) {}
  explicit FileOutput(transport::Descriptor file)
      : file_(std::make_shared<transport::Descriptor>(std::move(file))) {}

  void write(std::span<const LogLine> lines) override;
  [[nodiscard]] int descriptor() const;
  /// Lines go there from now on.
  void replace(transport::Descriptor file);

 private:
  using File = std::shared_ptr<const transport::Descriptor>;

  int standard_ = -1;
  bool priorities_ = false;
  mutable std::mutex mutex_;
  File file_;  // kept open by a write that is under way
};

/// The log daemon, in one facility.
class SyslogOutput final : public LogOutput {
 public:
  /// Requires  open_syslog() was called once.
  explicit SyslogOutput(int facility) : facility_(facility) {}
  void write(std::span<const LogLine> lines) override;

 private:
  int facility_;
};

/// Whether journald reads what is written there, as $JOURNAL_STREAM says.
[[nodiscard]] bool leads_to_journal(int descriptor);

/// Names this program to the log daemon.
void open_syslog();

}  // namespace server
