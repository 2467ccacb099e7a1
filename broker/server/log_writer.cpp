#include "broker/server/log_writer.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>
#include <utility>

#include "broker/core/text.h"

namespace server {
namespace {

using broker::LogType;
using conf::LogDestinationKind;

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

/// The part behind "$SYS/broker/log/", or nothing for kinds that are not published: a line about
/// every packet would make more packets.
std::string_view topic_of(LogType type) {
  switch (type) {
    case LogType::error:
      return "E";
    case LogType::warning:
      return "W";
    case LogType::notice:
      return "N";
    case LogType::information:
      return "I";
    case LogType::subscribe:
      return "M/subscribe";
    case LogType::unsubscribe:
      return "M/unsubscribe";
    case LogType::websockets:
      return "WS";
    default:
      return {};
  }
}

constexpr std::size_t early_lines_max = 100;

/// How many bytes of a control character stand at the front: of C0 but for the tab, DEL, or C1.
std::size_t control_bytes(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  if ((first < 0x20 && first != '\t') || first == 0x7F) return 1;
  if (first != 0xC2 || text.size() < 2) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  return second >= 0x80 && second < 0xA0 ? 2 : 0;
}

bool is_plain(std::string_view text) noexcept {
  for (; !text.empty(); text.remove_prefix(1)) {
    if (control_bytes(text) > 0) return false;
  }
  return true;
}

/// Control characters as "\x0A": what clients send must not end a line nor reach a terminal.
std::string escaped(std::string_view line) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  while (!line.empty()) {
    const std::size_t control = control_bytes(line);
    if (control == 0) text += line.front();
    for (const char letter : line.substr(0, control)) {
      const auto byte = static_cast<unsigned char>(letter);
      text += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
    }
    line.remove_prefix(std::max<std::size_t>(control, 1));
  }
  return text;
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody can be told
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Bits of the types that anybody reads.
std::uint32_t types_of(const conf::LogSettings& settings) {
  return settings.destinations.empty() ? 0U : settings.types;
}

std::string cannot_open(const std::string& path, int error) {
  return broker::concat(
      {"Unable to open log file ", path, " for writing: ", std::strerror(error), "."});
}

}  // namespace

LogWriter::LogWriter(const conf::LogSettings& settings)
    : types_(types_of(settings)), settings_(settings) {
  for (const conf::LogDestination& destination : settings.destinations) {
    Sink sink;
    sink.destination = destination;
    if (const int error = open(sink); error != 0) {
      write_all(STDERR_FILENO,
                broker::concat({"Error: ", cannot_open(destination.path, error), "\n"}));
    }
    sinks_.push_back(std::move(sink));
  }
  open_syslog();
}

LogWriter::~LogWriter() { ::closelog(); }

LogWriter::Prepared::~Prepared() {
  for (const Sink& sink : sinks_) {
    if (sink.made) ::unlink(sink.destination.path.c_str());
  }
}

int LogWriter::Sink::descriptor() const noexcept {
  switch (destination.kind) {
    case LogDestinationKind::standard_output:
      return STDOUT_FILENO;
    case LogDestinationKind::standard_error:
      return STDERR_FILENO;
    case LogDestinationKind::file:
      return file.get();
    case LogDestinationKind::syslog:
    case LogDestinationKind::topic:
      break;
  }
  return -1;
}

int LogWriter::open(Sink& sink) {
  if (sink.destination.kind != LogDestinationKind::file) return 0;
  const char* const path = sink.destination.path.c_str();
  constexpr int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  sink.file = transport::Descriptor(::open(path, flags | O_EXCL, 0640));
  sink.made = static_cast<bool>(sink.file);
  if (!sink.made) sink.file = transport::Descriptor(::open(path, flags, 0640));
  return sink.file ? 0 : errno;
}

void LogWriter::open_syslog() {
  ::closelog();
  ::openlog("darter", LOG_PID | LOG_NDELAY,
            settings_.facility < 0 ? LOG_DAEMON : (LOG_LOCAL0 + (settings_.facility << 3)));
}

std::expected<LogWriter::Prepared, std::string> LogWriter::prepare(
    const conf::LogSettings& settings) {
  Prepared prepared;
  prepared.settings_ = settings;
  for (const conf::LogDestination& destination : settings.destinations) {
    Sink& sink = prepared.sinks_.emplace_back();
    sink.destination = destination;
    if (const int error = open(sink); error != 0) {
      return std::unexpected(cannot_open(destination.path, error));
    }
  }
  return prepared;
}

void LogWriter::replace(Prepared prepared) {
  const std::scoped_lock lock(mutex_);
  const bool other_syslog = settings_.facility != prepared.settings_.facility;
  settings_ = std::move(prepared.settings_);
  sinks_ = std::exchange(prepared.sinks_, {});
  types_.store(types_of(settings_), std::memory_order_relaxed);
  if (other_syslog) open_syslog();
}

std::string LogWriter::stamp() const {
  if (!settings_.timestamp) return {};
  const std::time_t now = std::time(nullptr);
  if (settings_.timestamp_format.empty()) return std::to_string(now) + ": ";
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[128];
  const std::size_t size =
      std::strftime(text, sizeof text, settings_.timestamp_format.c_str(), &local);
  return std::string(text, size) + ": ";
}

void LogWriter::write(LogType type, std::string_view line) {
  if (!enabled(type)) return;
  if (is_plain(line)) {
    write_plain(type, line);
  } else {
    write_plain(type, escaped(line));
  }
}

void LogWriter::write_plain(LogType type, std::string_view line) {
  const std::scoped_lock lock(mutex_);
  const std::string stamped = broker::concat({stamp(), line, "\n"});
  for (const Sink& sink : sinks_) write_to(sink, type, line, stamped);
}

void LogWriter::write_to(const Sink& sink, LogType type, std::string_view line,
                         const std::string& stamped) {
  if (sink.destination.kind == LogDestinationKind::syslog) {
    ::syslog(syslog_priority(type), "%.*s", static_cast<int>(line.size()), line.data());
  } else if (sink.destination.kind == LogDestinationKind::topic) {
    const std::string_view topic = topic_of(type);
    if (topic.empty()) return;
    if (topic_) {
      topic_(broker::concat({"$SYS/broker/log/", topic}), std::string(line));
    } else if (early_.size() < early_lines_max) {
      early_.emplace_back(broker::concat({"$SYS/broker/log/", topic}), line);
    }
  } else if (sink.descriptor() >= 0) {
    write_all(sink.descriptor(), stamped);
  }
}

void LogWriter::reopen() {
  const std::scoped_lock lock(mutex_);
  for (Sink& sink : sinks_) {
    Sink again;
    again.destination = sink.destination;
    // Better the old file than none.
    if (open(again) == 0) std::swap(sink, again);
  }
}

void LogWriter::set_topic(TopicWriter writer) {
  const std::scoped_lock lock(mutex_);
  topic_ = std::move(writer);
  if (!topic_) return;
  for (auto& [topic, line] : std::exchange(early_, {})) topic_(std::move(topic), std::move(line));
}

std::vector<int> LogWriter::made_files() const {
  std::vector<int> files;
  for (const Sink& sink : sinks_) {
    if (sink.made) files.push_back(sink.descriptor());
  }
  return files;
}

void LogWriter::detach() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, standard);
  ::close(null);
}

}  // namespace server
