#include "broker/server/log_writer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>
#include <utility>

#include "broker/core/text.h"
#include "transport/trusted_path.h"

namespace server {
namespace {

using broker::LogType;
using conf::LogDestinationKind;

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

/// Control characters as "\x0A": a client's text must not end a line nor reach a terminal.
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

/// Cut to the size limit of a line, between two characters of UTF-8.
std::string_view cut(std::string_view line) noexcept {
  if (line.size() <= LogWriter::line_bytes_max) return line;
  std::size_t end = LogWriter::line_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
  return line.substr(0, end);
}

/// Bits of the types that any destination logs.
std::uint32_t types_of(const conf::LogSettings& settings) {
  return settings.destinations.empty() ? 0U : settings.types;
}

std::string cannot_open(const std::string& path, int error) {
  return broker::concat({"Unable to open log file ", path,
                         " for writing: ", transport::describe_open_error(error), "."});
}

/// Whether the open file is no longer the one with that name.
bool has_lost_name(int descriptor, const std::string& path) {
  struct stat open{};
  struct stat named{};
  if (::fstat(descriptor, &open) != 0 || !S_ISREG(open.st_mode)) return false;
  if (::stat(path.c_str(), &named) != 0) return errno == ENOENT || errno == ENOTDIR;
  return open.st_dev != named.st_dev || open.st_ino != named.st_ino;
}

/// A fifo is opened for reading as well: that does not wait for a reader, and outlives each.
transport::OpenedFile open_log_file(const std::string& path, bool& made) {
  constexpr int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  constexpr mode_t mode = 0640;
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode)) {
    return transport::open_trusted(path, O_RDWR | O_CLOEXEC, mode);
  }
  auto opened = transport::open_trusted(path, flags | O_EXCL, mode);
  made = opened.error == 0;
  return opened.error == EEXIST ? transport::open_trusted(path, flags, mode) : std::move(opened);
}

}  // namespace

LogWriter::LogWriter(const conf::LogSettings& settings)
    : types_(types_of(settings)), settings_(settings) {
  open_syslog();
  for (const conf::LogDestination& destination : settings.destinations) {
    Sink& sink = sinks_.emplace_back();
    sink.destination = destination;
    if (const int error = open(sink); error == 0) {
      begin(sink, settings.facility);
    } else {
      tell_standard_error(broker::concat({"Error: ", cannot_open(destination.path, error)}));
    }
  }
}

LogWriter::~LogWriter() = default;

LogWriter::Prepared::~Prepared() {
  for (const Sink& sink : sinks_) {
    if (sink.made) ::unlink(sink.destination.path.c_str());
  }
}

int LogWriter::open(Sink& sink) {
  switch (sink.destination.kind) {
    case LogDestinationKind::standard_output:
      sink.file = std::make_shared<FileOutput>(STDOUT_FILENO);
      return 0;
    case LogDestinationKind::standard_error:
      sink.file = std::make_shared<FileOutput>(STDERR_FILENO);
      return 0;
    case LogDestinationKind::file: {
      auto opened = open_log_file(sink.destination.path, sink.made);
      if (opened.error == 0) sink.file = std::make_shared<FileOutput>(std::move(opened.file));
      return opened.error;
    }
    case LogDestinationKind::syslog:
    case LogDestinationKind::topic:
      return 0;
  }
  return 0;
}

void LogWriter::begin(Sink& sink, std::int32_t facility) {
  if (sink.file != nullptr) {
    sink.queue = std::make_unique<LogQueue>(sink.file);
  } else if (sink.destination.kind == LogDestinationKind::syslog) {
    sink.queue = std::make_unique<LogQueue>(
        std::make_shared<SyslogOutput>(facility < 0 ? LOG_DAEMON : LOG_LOCAL0 + (facility << 3)));
  }
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
  for (Sink& sink : prepared.sinks_) begin(sink, prepared.settings_.facility);
  Sinks before;
  {
    const std::scoped_lock lock(mutex_);
    settings_ = std::move(prepared.settings_);
    before = std::exchange(sinks_, std::exchange(prepared.sinks_, {}));
    types_.store(types_of(settings_), std::memory_order_relaxed);
    for (const Sink& sink : before) dropped_before_ += sink.queue ? sink.queue->dropped() : 0;
  }
  // The old queues write their rest on their own threads; no caller waits for that.
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
  line = cut(line);
  if (is_plain(line)) {
    write_plain(type, line);
  } else {
    write_plain(type, escaped(line));
  }
}

void LogWriter::write_plain(LogType type, std::string_view line) {
  const std::scoped_lock lock(mutex_);
  const std::string time = stamp();
  for (const Sink& sink : sinks_) write_to(sink, type, time, line);
  const bool matters = type == LogType::error || type == LogType::warning;
  if (starting_ && matters && of_start_.size() < early_lines_max) of_start_.emplace_back(line);
}

void LogWriter::write_to(const Sink& sink, LogType type, std::string_view stamp,
                         std::string_view line) {
  if (sink.queue != nullptr) return sink.queue->add(type, stamp, line);
  if (sink.destination.kind != LogDestinationKind::topic) return;
  const std::string_view topic = topic_of(type);
  if (topic.empty()) return;
  if (topic_) {
    topic_(broker::concat({"$SYS/broker/log/", topic}), std::string(line));
  } else if (early_.size() < early_lines_max) {
    early_.emplace_back(broker::concat({"$SYS/broker/log/", topic}), line);
  }
}

void LogWriter::tell_standard_error(std::string_view line) {
  if (last_resort_ == nullptr) {
    last_resort_ = std::make_unique<LogQueue>(std::make_shared<FileOutput>(STDERR_FILENO));
  }
  last_resort_->add(LogType::error, {}, is_plain(line) ? line : escaped(line));
}

void LogWriter::started() {
  const std::scoped_lock lock(mutex_);
  starting_ = false;
  of_start_ = {};
}

void LogWriter::start_failed(std::string_view sentence) {
  write_event(LogType::error, {.event = broker::Event::start_failed}, sentence);
  const bool is_there = std::ranges::any_of(sinks_, [](const Sink& sink) {
    return sink.destination.kind == LogDestinationKind::standard_error;
  });
  if (is_there && enabled(LogType::error)) return;
  for (const std::string& line : of_start_) tell_standard_error(line);
  if (!enabled(LogType::error)) tell_standard_error(sentence);
}

void LogWriter::reopen() {
  for (Sink& sink : sinks_) reopen(sink);
}

void LogWriter::reopen(Sink& sink) {
  if (sink.destination.kind != LogDestinationKind::file) return;
  auto opened = open_log_file(sink.destination.path, sink.made);
  if (opened.error == 0 && sink.file != nullptr) {
    sink.file->replace(std::move(opened.file));
  } else if (opened.error == 0) {
    auto file = std::make_shared<FileOutput>(std::move(opened.file));
    const std::scoped_lock lock(mutex_);
    sink.file = std::move(file);
    begin(sink, settings_.facility);
  } else if (!std::exchange(sink.gone, true)) {
    // Better the old file than none.
    return write_event(LogType::error, {.event = broker::Event::log_file_unwritable},
                       cannot_open(sink.destination.path, opened.error) +
                           " Lines go on to the file that had this name before.");
  } else {
    return;
  }
  sink.gone = false;
}

void LogWriter::look(broker::Instant now) {
  if (now < next_look_) return;
  next_look_ = broker::after_seconds(now, look_seconds);
  for (Sink& sink : sinks_) {
    if (sink.destination.kind != LogDestinationKind::file || sink.file == nullptr) continue;
    if (has_lost_name(sink.file->descriptor(), sink.destination.path)) reopen(sink);
  }
}

bool LogWriter::has_files() const {
  return std::ranges::any_of(
      sinks_, [](const Sink& sink) { return sink.destination.kind == LogDestinationKind::file; });
}

std::uint64_t LogWriter::lines_dropped() const {
  const std::scoped_lock lock(mutex_);
  std::uint64_t count = dropped_before_;
  for (const Sink& sink : sinks_) count += sink.queue ? sink.queue->dropped() : 0;
  return count;
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
    if (sink.made && sink.file) files.push_back(sink.file->descriptor());
  }
  return files;
}

void LogWriter::detach() {
  constexpr std::chrono::milliseconds patience{1000};
  for (const Sink& sink : sinks_) {
    if (sink.queue) sink.queue->flush(patience);
  }
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, standard);
  ::close(null);
}

}  // namespace server
