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
#include "broker/server/log_form.h"
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

/// Bits of the types that any destination logs.
std::uint32_t types_of(const conf::LogSettings& settings) {
  return settings.destinations.empty() ? 0U : settings.types;
}

/// The line about lines that were dropped.
std::string json_of_dropped(std::string_view sentence) {
  return json_form(utc_time(std::chrono::system_clock::now()), LogType::warning,
                   {.event = broker::Event::log_lines_dropped}, {}, sentence);
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
    if (const int error = open(sink, settings); error == 0) {
      begin(sink, settings);
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

int LogWriter::open(Sink& sink, const conf::LogSettings& settings) {
  const auto stream = [&](int descriptor) {
    sink.in_journal = settings.journal != conf::LogJournal::plain && leads_to_journal(descriptor);
    sink.is_terminal = ::isatty(descriptor) != 0;
    return std::make_shared<FileOutput>(descriptor, sink.in_journal);
  };
  switch (sink.destination.kind) {
    case LogDestinationKind::standard_output:
      sink.file = stream(STDOUT_FILENO);
      return 0;
    case LogDestinationKind::standard_error:
      sink.file = stream(STDERR_FILENO);
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

void LogWriter::begin(Sink& sink, const conf::LogSettings& settings) {
  const LogQueue::Form form = settings.format == conf::LogFormat::json ? json_of_dropped : nullptr;
  if (sink.file != nullptr) {
    sink.queue = std::make_unique<LogQueue>(sink.file, form);
  } else if (sink.destination.kind == LogDestinationKind::syslog) {
    const int facility = settings.facility < 0 ? LOG_DAEMON : LOG_LOCAL0 + (settings.facility << 3);
    sink.queue = std::make_unique<LogQueue>(std::make_shared<SyslogOutput>(facility), form);
  }
}

std::expected<LogWriter::Prepared, std::string> LogWriter::prepare(
    const conf::LogSettings& settings) {
  Prepared prepared;
  prepared.settings_ = settings;
  for (const conf::LogDestination& destination : settings.destinations) {
    Sink& sink = prepared.sinks_.emplace_back();
    sink.destination = destination;
    if (const int error = open(sink, settings); error != 0) {
      return std::unexpected(cannot_open(destination.path, error));
    }
  }
  return prepared;
}

void LogWriter::replace(Prepared prepared) {
  for (Sink& sink : prepared.sinks_) begin(sink, prepared.settings_);
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

std::string LogWriter::stamp(bool terminal) const {
  if (!settings_.timestamp) return {};
  const std::string& format = settings_.timestamp_format;
  const bool is_auto = format == conf::auto_times;
  if (format == conf::iso_times || (is_auto && terminal)) {
    return local_time(std::chrono::system_clock::now()) + ": ";
  }
  const std::time_t now = std::time(nullptr);
  if (is_auto || format.empty()) return std::to_string(now) + ": ";
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[128];
  const std::size_t size = std::strftime(text, sizeof text, format.c_str(), &local);
  return std::string(text, size) + ": ";
}

void LogWriter::write(LogType type, std::string_view line) { write_event(type, {}, line); }

void LogWriter::write_event(LogType type, const broker::LogFields& fields, std::string_view line) {
  if (!enabled(type)) return;
  const std::scoped_lock lock(mutex_);
  const bool json = settings_.format == conf::LogFormat::json;
  const std::string time = json ? std::string() : stamp(false);
  const std::string text =
      json ? json_form(settings_.timestamp ? utc_time(std::chrono::system_clock::now()) : "", type,
                       fields, listener_name(fields), line)
           : text_form(line);
  const bool journal_has_time = settings_.journal == conf::LogJournal::without_time;
  for (const Sink& sink : sinks_) {
    const bool needs_none = json || (sink.in_journal && journal_has_time);
    write_to(sink, type, needs_none ? "" : sink.is_terminal ? stamp(true) : time, text);
  }
  const bool matters = type == LogType::error || type == LogType::warning;
  if (starting_ && matters && of_start_.size() < early_lines_max) of_start_.emplace_back(line);
}

std::string_view LogWriter::listener_name(const broker::LogFields& fields) const {
  if (!fields.listener) return {};
  const auto found = listener_names_.find(*fields.listener);
  return found == listener_names_.end() ? std::string_view() : found->second;
}

void LogWriter::name_listeners(ListenerNames names) {
  const std::scoped_lock lock(mutex_);
  // Connections outlive their listener: its name stays.
  names.merge(listener_names_);
  listener_names_ = std::move(names);
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
    last_resort_ = std::make_unique<LogQueue>(std::make_shared<FileOutput>(
        STDERR_FILENO,
        settings_.journal != conf::LogJournal::plain && leads_to_journal(STDERR_FILENO)));
  }
  last_resort_->add(LogType::error, {}, text_form(line));
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
    begin(sink, settings_);
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
