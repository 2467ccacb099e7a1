#include "broker/server/log_outputs.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>
#include <utility>

namespace server {
namespace {

using broker::LogType;

int syslog_priority(LogType type) {
  switch (type) {
    case LogType::error:
      return LOG_ERR;
    case LogType::warning:
      return LOG_WARNING;
    case LogType::notice:
      return LOG_NOTICE;
    case LogType::information:
      return LOG_INFO;
    default:
      return LOG_DEBUG;
  }
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      // Another process with the same standard stream may have made it non-blocking.
      pollfd room{descriptor, POLLOUT, 0};
      ::poll(&room, 1, -1);
      continue;
    }
    if (written <= 0) return;  // no output is left to report it to
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void FileOutput::write(std::span<const LogLine> lines) {
  File file;
  {
    const std::scoped_lock lock(mutex_);
    file = file_;
  }
  const int descriptor = file ? file->get() : standard_;
  std::string text;
  for (const LogLine& line : lines) {
    constexpr std::size_t priority_bytes = 3;
    const std::size_t bytes = priority_bytes + line.stamp.size() + line.text.size() + 1;
    if (!text.empty() && text.size() + bytes > PIPE_BUF) {
      write_all(descriptor, std::exchange(text, {}));
    }
    if (priorities_) {
      text.append("<").append(std::to_string(syslog_priority(line.type))).append(">");
    }
    text.append(line.stamp).append(line.text).append("\n");
  }
  write_all(descriptor, text);
}

int FileOutput::descriptor() const {
  const std::scoped_lock lock(mutex_);
  return file_ ? file_->get() : standard_;
}

void FileOutput::replace(transport::Descriptor file) {
  auto next = std::make_shared<transport::Descriptor>(std::move(file));
  const std::scoped_lock lock(mutex_);
  file_ = std::move(next);
}

void SyslogOutput::write(std::span<const LogLine> lines) {
  for (const LogLine& line : lines) {
    ::syslog(facility_ | syslog_priority(line.type), "%.*s", static_cast<int>(line.text.size()),
             line.text.data());
  }
}

bool leads_to_journal(int descriptor) {
  const char* const stream = std::getenv("JOURNAL_STREAM");  // "DEVICE:INODE"
  struct stat status{};
  if (stream == nullptr || ::fstat(descriptor, &status) != 0) return false;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

void open_syslog() { ::openlog("darter", LOG_PID | LOG_NDELAY, LOG_DAEMON); }

}  // namespace server
