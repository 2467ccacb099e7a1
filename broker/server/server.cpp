#include "broker/server/server.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <poll.h>
#include <pwd.h>
#include <string>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

#include "broker/core/text.h"
#include "broker/server/activated_sockets.h"
#include "broker/server/backup_command.h"
#include "broker/server/certificates.h"
#include "broker/server/control_socket.h"
#include "broker/server/doctor_command.h"
#include "broker/server/gatekeeper.h"
#include "broker/server/import.h"
#include "broker/server/instructions.h"
#include "broker/server/keeper.h"
#include "broker/server/lines.h"
#include "broker/server/listener_set.h"
#include "broker/server/log_outputs.h"
#include "broker/server/log_queue.h"
#include "broker/server/log_writer.h"
#include "broker/server/memory_watch.h"
#include "broker/server/process.h"
#include "broker/server/reload.h"
#include "broker/server/reload_report.h"
#include "broker/server/running.h"
#include "broker/server/service_manager.h"
#include "broker/server/test_config.h"
#include "broker/server/translate.h"
#include "broker/shard.h"
#include "conf/command_line.h"
#include "conf/file.h"
#include "conf/load.h"
#include "conf/sample.h"
#include "transport/loops.h"

namespace server {
namespace {

using broker::concat;
using broker::LogType;

constexpr std::string_view version = DARTER_VERSION;

int status(conf::ExitCode code) { return static_cast<int>(code); }

/// Through a queue: a full pipe without a reader must not keep a start from failing.
void print_error(std::string_view text) {
  LogQueue(std::make_shared<FileOutput>(STDERR_FILENO)).add(LogType::error, {}, text);
}

int report(const conf::Diagnostics& diagnostics) {
  for (const conf::Diagnostic& diagnostic : diagnostics) print_error(conf::format(diagnostic));
  return status(conf::ExitCode::bad_configuration);
}

int print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

/// The signals that the main thread waits for; no other thread sees them.
sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, number);
  return set;
}

std::uint64_t secret() {
  std::uint64_t value = 0;
  // The kernel's pool is ready long before a broker starts; a short read cannot be with 8 bytes.
  while (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
  }
  return value;
}

/// A broker that is configured, and runs from open() until stop().
class Server {
 public:
  using Realms = std::vector<std::shared_ptr<const auth::Realm>>;

  Server(Running running, Realms realms, Certificates::Contexts tls, transport::Descriptor signals)
      : running_(std::move(running)),
        realms_(std::move(realms)),
        signals_(std::move(signals)),
        log_(running_.settings.log),
        certificates_(running_.settings, std::move(tls), log_),
        commons_(thread_count(running_.settings)),
        memory_(running_.settings.memory_limit_bytes, commons_.memory, log_),
        service_manager_(log_),
        listeners_(log_),
        gatekeeper_(realms_, log_) {}

  /// Opens listeners, gives up privileges and starts the loops.
  [[nodiscard]] std::expected<void, std::string> open(ActivatedSockets sockets);
  /// Serves until a signal ends it.
  void serve();
  void stop();
  LogWriter& log() { return log_; }

 private:
  [[nodiscard]] std::expected<void, std::string> open_listeners(ActivatedSockets sockets);
  [[nodiscard]] std::string status_text() const;
  [[nodiscard]] std::expected<void, std::string> open_store();
  [[nodiscard]] std::vector<broker::ShardOptions> shard_options() const;
  [[nodiscard]] std::vector<std::string> unix_sockets() const;
  void say_how_it_starts();
  void open_control();
  void look_around();
  [[nodiscard]] std::int64_t wait_milliseconds() const;
  /// Waits for signals and requests, for so long at most. Returns false if a signal ends it.
  [[nodiscard]] bool wait(std::int64_t milliseconds);
  ReloadReport reload();
  void publish_figures();
  void publish(std::string_view topic, std::string value);

  Running running_;
  Realms realms_;  // of the start, in the order of the settings; ListenerSet takes them
  transport::Descriptor signals_;
  LogWriter log_;
  Certificates certificates_;
  broker::Commons commons_;
  MemoryWatch memory_;
  ServiceManager service_manager_;
  PidFile pid_file_;
  ListenerSet listeners_;
  ControlSocket control_;
  std::unique_ptr<transport::Loops> loops_;
  Gatekeeper gatekeeper_;           // its end answers every login that still waits for a hash
  std::unique_ptr<Keeper> keeper_;  // null: nothing is stored
  broker::Instant next_figures_;
  std::size_t heap_bytes_max_ = 0;
  std::int64_t turn_max_milliseconds_ = 0;
};

void Server::say_how_it_starts() {
  log_.write(LogType::information, concat({"darter version ", version, " starting"}));
  const std::string& file = running_.command_line.config_file;
  log_.write(LogType::information,
             file.empty() ? "Using default config." : concat({"Config loaded from ", file, "."}));
  for (const conf::Diagnostic& remark : running_.settings.remarks) {
    log_.write(remark.severity == conf::Severity::warning ? LogType::warning : LogType::notice,
               concat({remark.severity == conf::Severity::warning ? "Warning: " : "Notice: ",
                       conf::format_without_severity(remark)}));
  }
  for (const std::string& warning : Gatekeeper::warnings(running_.settings, realms_)) {
    log_.write(LogType::warning, "Warning: " + warning);
  }
  if (std::ranges::any_of(running_.settings.listeners, &conf::Listener::loopback_only)) {
    log_.write(
        LogType::information,
        "Starting in local only mode: only this machine can connect, since the configuration "
        "has no listener.");
  }
  log_.write(LogType::information,
             concat({"Open files limit: ", std::to_string(running_.open_files_max), "."}));
}

std::expected<void, std::string> Server::open(ActivatedSockets sockets) {
  say_how_it_starts();
  if (auto opened = open_listeners(std::move(sockets)); !opened) return opened;
  // Behind the ports: the file of a broker that has them already must stay.
  auto pid_file = PidFile::create(running_.settings.pid_file);
  if (!pid_file) return std::unexpected(pid_file.error());
  pid_file_ = std::move(*pid_file);
  open_control();
  if (auto dropped = drop_privileges(running_.settings.user,
                                     {unix_sockets(), log_.made_files(), listeners_.sockets()});
      !dropped)
    return dropped;

  if (auto opened = open_store(); !opened) return opened;
  const std::vector<broker::ShardOptions> shards = shard_options();
  transport::StoreFunction store;
  if (keeper_ != nullptr) {
    store = [this](broker::ShardIndex shard, broker::JournalBatch batch) {
      keeper_->submit(shard, std::move(batch));
    };
  }
  loops_ = std::make_unique<transport::Loops>(
      loop_options_of(running_.settings, running_.open_files_max), shards, commons_, log_,
      [this](broker::LoginRequest&& request, transport::LoginDone done) {
        return gatekeeper_.login(std::move(request), std::move(done));
      },
      std::move(store));
  if (keeper_ != nullptr) {
    const auto count = static_cast<std::uint32_t>(shards.size());
    if (auto loaded = keeper_->load(*loops_, count); !loaded) return loaded;
  }
  if (auto started = loops_->start(listeners_.listeners()); !started) return started;
  log_.set_topic([this](std::string topic, std::string line) {
    loops_->post(broker::ShardIndex{0}, [topic = std::move(topic), line = std::move(line)](
                                            broker::Shard& shard, broker::Instant now) {
      shard.publish_sys(topic, line, false, now);
    });
  });
  log_.write(LogType::information, concat({"darter version ", version, " running"}));
  service_manager_.watch(*loops_, thread_count(running_.settings));
  service_manager_.ready(status_text());
  log_.started();
  return {};
}

std::expected<void, std::string> Server::open_store() {
  if (!running_.settings.persistence) return {};
  auto keeper = Keeper::open(running_.settings, gatekeeper_, log_);
  if (!keeper) return std::unexpected(keeper.error());
  keeper_ = std::move(*keeper);
  return {};
}

std::expected<void, std::string> Server::open_listeners(ActivatedSockets sockets) {
  Instructions all = instructions_of(running_.settings, running_.open_files_max);
  auto staged =
      listeners_.stage(entries_of(std::move(all.listeners), std::move(realms_)), &sockets);
  if (!staged) return std::unexpected(staged.error());
  if (auto taken = sockets.all_taken(); !taken) return taken;
  listeners_.commit(std::move(*staged));
  certificates_.install(listeners_.listeners());
  return {};
}

std::string Server::status_text() const {
  std::string places;
  for (const auto& listener : listeners_.listeners()) {
    const std::string& path = listener->options().unix_socket_path;
    places += concat({places.empty() ? "" : ", ",
                      path.empty() ? concat({"port ", std::to_string(listener->port())}) : path});
  }
  return concat({"Serving MQTT on ", places});
}

void Server::open_control() {
  auto control = ControlSocket::open(running_.command_line.config_file);
  if (control) {
    control_ = std::move(*control);
  } else {
    log_.write(LogType::warning, concat({"Warning: ", control.error()}));
  }
}

std::vector<std::string> Server::unix_sockets() const {
  std::vector<std::string> paths;
  for (const auto& listener : listeners_.listeners()) {
    // One that was given an owner stays his.
    if (!listener->made_file() || !listener->options().unix_socket_owner.empty()) continue;
    paths.push_back(listener->options().unix_socket_path);
  }
  return paths;
}

std::vector<broker::ShardOptions> Server::shard_options() const {
  broker::ShardOptions options;
  options.shards = thread_count(running_.settings);
  options.home_key[0] = secret();
  options.home_key[1] = secret();
  options.version = version;
  options.limits = limits_of(running_.settings);
  options.durability = durability_of(running_.settings);
  options.authority = &gatekeeper_;
  options.listeners = policies_of(listeners_.entries());
  std::vector<broker::ShardOptions> all;
  for (std::uint32_t shard = 0; shard < options.shards; ++shard) {
    options.index = broker::ShardIndex{shard};
    options.seed = secret();
    all.push_back(options);
  }
  return all;
}

void Server::serve() {
  do {
    look_around();
  } while (wait(wait_milliseconds()));
}

void Server::look_around() {
  const broker::Instant now = transport::Loops::now();
  memory_.look();
  memory_.give_back(now);
  service_manager_.look(now);
  certificates_.look(now);
  if (keeper_ != nullptr) {
    keeper_->look(*loops_, now, [this] { service_manager_.goes_on(); });
  }
  log_.look(now);
  if (running_.settings.sys_interval_seconds == 0 || now < next_figures_) return;
  next_figures_ = after_seconds(now, running_.settings.sys_interval_seconds);
  publish_figures();
}

std::int64_t Server::wait_milliseconds() const {
  if (memory_.on()) return service_manager_.sooner_milliseconds(MemoryWatch::interval_milliseconds);
  const std::int64_t interval_seconds = running_.settings.sys_interval_seconds;
  std::int64_t seconds = interval_seconds == 0
                             ? MemoryWatch::return_seconds
                             : std::min(interval_seconds, MemoryWatch::return_seconds);
  if (control_.waits() || keeper_ != nullptr) seconds = 1;
  if (log_.has_files()) seconds = std::min(seconds, LogWriter::look_seconds);
  const std::int64_t look = certificates_.interval_seconds();
  return service_manager_.sooner_milliseconds((look == 0 ? seconds : std::min(seconds, look)) *
                                              1000);
}

bool Server::wait(std::int64_t milliseconds) {
  std::vector<pollfd> polled{{signals_.get(), POLLIN, 0}};
  control_.watch(polled);
  ::poll(polled.data(), polled.size(), static_cast<int>(milliseconds));
  // However often SIGHUP came meanwhile, it is pending once.
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT) return false;
    if (signal.ssi_signo == SIGHUP) reload();
  }
  control_.serve(transport::Loops::now(), [this] {
    const ReloadReport report = reload();
    ControlAnswer answer;
    if (report.refused()) answer.exit_status = status(conf::ExitCode::bad_configuration);
    for (const std::string& line : lines_of(report)) answer.text += line + "\n";
    return answer;
  });
  return true;
}

ReloadReport Server::reload() {
  service_manager_.reloading();
  ReloadReport report =
      Reload(running_, {log_, gatekeeper_, certificates_, memory_, listeners_, *loops_}).run();
  const LogType type = report.refused() ? LogType::error : LogType::notice;
  for (const std::string& line : lines_of(report)) log_.write(type, line);
  next_figures_ = {};  // sys_interval may be another
  service_manager_.ready(status_text());
  return report;
}

void Server::publish(std::string_view topic, std::string value) {
  loops_->post(broker::ShardIndex{0}, [topic = std::string(topic), value = std::move(value)](
                                          broker::Shard& shard, broker::Instant now) {
    shard.publish_sys(topic, value, true, now);
  });
}

void Server::publish_figures() {
  const std::size_t bytes = heap_bytes();
  heap_bytes_max_ = std::max(heap_bytes_max_, bytes);
  publish("$SYS/broker/heap/current", std::to_string(bytes));
  publish("$SYS/broker/heap/maximum", std::to_string(heap_bytes_max_));
  // How long a loop kept its clients waiting: at most, lately and since the start.
  const std::int64_t turn_milliseconds = loops_->take_longest_turn_milliseconds();
  turn_max_milliseconds_ = std::max(turn_max_milliseconds_, turn_milliseconds);
  publish("$SYS/broker/loop/turn/current", std::to_string(turn_milliseconds));
  publish("$SYS/broker/loop/turn/maximum", std::to_string(turn_max_milliseconds_));
  publish("$SYS/broker/log/dropped", std::to_string(log_.lines_dropped()));
  const auto each = [this](std::string_view topic, std::string value) {
    publish(topic, std::move(value));
  };
  if (keeper_ != nullptr) keeper_->publish(each);
  certificates_.publish(each);
}

void Server::stop() {
  service_manager_.stopping();
  log_.write(LogType::information, concat({"darter version ", version, " terminating"}));
  log_.set_topic({});
  if (keeper_ != nullptr) keeper_->look(*loops_, transport::Loops::now(), [] {});
  loops_->stop();
  if (keeper_ != nullptr) keeper_->finish(*loops_);
}

int run_broker(Running running, std::vector<std::shared_ptr<const auth::Realm>> realms,
               Certificates::Contexts tls) {
  // In the process that was started: its id is in the environment, too.
  auto sockets = ActivatedSockets::receive();
  if (!sockets) {
    print_error("Error: " + sockets.error());
    return status(conf::ExitCode::unusable_listener);
  }
  const bool in_background = running.command_line.daemon;
  Daemon daemon;
  if (in_background) {
    auto entered = Daemon::enter();
    if (!entered) {
      print_error("Error: " + entered.error());
      return status(conf::ExitCode::unusable_listener);
    }
    daemon = std::move(*entered);
  }
  // Blocked before the first thread starts and the first port is open.
  const sigset_t signals = watched_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): it cannot fail for SIGPIPE
  running.open_files_max = raise_open_files_limit();
  const conf::Settings& settings = running.settings;
  // Descriptors that the broker needs come before anything that could take them.
  transport::Descriptor watched(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  const auto room = check_open_files(running.open_files_max, open_files_needed(settings));
  if (!watched || !room) {
    print_error(room ? "Error: Unable to wait for signals." : "Error: " + room.error());
    return status(conf::ExitCode::unusable_listener);
  }
  prepare_heap(thread_count(settings));

  Server server(std::move(running), std::move(realms), std::move(tls), std::move(watched));
  if (auto opened = server.open(std::move(*sockets)); !opened) {
    for (const std::string_view line : lines_of(opened.error())) {
      server.log().start_failed(concat({"Error: ", line}));
    }
    return status(conf::ExitCode::unusable_listener);
  }
  if (in_background) server.log().detach();
  daemon.started();
  server.serve();
  server.stop();
  return status(conf::ExitCode::success);
}

/// The users that the broker of that file may run as, even if the file has errors: root, the
/// calling user, or the user that the file names.
std::vector<uid_t> possible_brokers(const std::string& config_file) {
  std::vector<uid_t> users = {0, ::geteuid()};
  std::string name = conf::Settings().user;
  if (const auto text = conf::read_file(config_file)) {
    const conf::Source source = conf::read_source(*text, config_file);
    const conf::Entry* const entry = conf::find_entry(source.globals, "user");
    if (entry != nullptr) name = std::get<std::string>(entry->value);
  }
  if (const passwd* const user = ::getpwnam(name.c_str())) users.push_back(user->pw_uid);
  return users;
}

/// `darter --reload`
int reload(const std::string& config_file) {
  const auto answer = ask_to_reload(config_file, possible_brokers(config_file));
  if (!answer) {
    print_error(concat({"Error: ", answer.error()}));
    return status(conf::ExitCode::unusable_listener);
  }
  std::FILE* const out = answer->exit_status == 0 ? stdout : stderr;
  std::fwrite(answer->text.data(), 1, answer->text.size(), out);
  return std::fflush(out) == 0 ? answer->exit_status : 1;
}

}  // namespace

int run(const std::vector<std::string_view>& arguments) {
  const auto command_line = conf::parse_command_line(arguments);
  if (!command_line) return report(command_line.error());
  switch (command_line->action) {
    case conf::Action::help:
      return print(conf::help_text(version));
    case conf::Action::version:
      return print(conf::version_text(version));
    case conf::Action::sample_config:
      return print(conf::sample_of(command_line->sample_form));
    case conf::Action::doctor:
      return run_doctor(*command_line);
    case conf::Action::doctor_help:
      return print(conf::doctor_help_text());
    case conf::Action::convert: {
      const auto text = conf::convert(command_line->config_file);
      return text ? print(*text) : report(text.error());
    }
    case conf::Action::reload:
      return reload(command_line->config_file);
    case conf::Action::run:
    case conf::Action::test_config:
    case conf::Action::import_file:
    case conf::Action::backup:
    case conf::Action::restore:
      break;
  }
  auto configuration = conf::load_configuration(*command_line);
  if (!configuration) return report(configuration.error());
  conf::Settings* const settings = &configuration->settings;
  if (command_line->action == conf::Action::backup) {
    return back_up_store(*settings, command_line->backup_file);
  }
  if (command_line->action == conf::Action::restore) {
    return restore_store(*settings, command_line->backup_file);
  }
  auto realms = Gatekeeper::load(*settings);
  if (!realms) {
    for (const std::string_view fault : lines_of(realms.error())) {
      print_error(concat({"Error: ", fault}));
    }
    return status(conf::ExitCode::bad_configuration);
  }
  auto tls = Certificates::load(*settings);
  if (!tls) {
    for (const std::string_view fault : lines_of(tls.error())) {
      print_error(concat({"Error: ", fault}));
    }
    // As Mosquitto: the configuration itself is good, a listener cannot be opened.
    return status(command_line->action == conf::Action::test_config
                      ? conf::ExitCode::bad_configuration
                      : conf::ExitCode::unusable_listener);
  }
  if (command_line->action == conf::Action::test_config) {
    return test_config(*command_line, *settings, *realms, *tls);
  }
  if (command_line->action == conf::Action::import_file) {
    return import_by_hand(*settings, std::move(*realms), command_line->import_file);
  }
  Running running;
  running.command_line = *command_line;
  running.start = configuration->written.globals;
  running.settings = std::move(configuration->settings);
  running.written = std::move(configuration->written);
  return run_broker(std::move(running), std::move(*realms), std::move(*tls));
}

}  // namespace server
