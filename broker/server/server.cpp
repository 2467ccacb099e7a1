#include "broker/server/server.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <expected>
#include <memory>
#include <string>
#include <sys/random.h>
#include <utility>

#include "broker/core/text.h"
#include "broker/server/activated_sockets.h"
#include "broker/server/certificates.h"
#include "broker/server/doctor_command.h"
#include "broker/server/gatekeeper.h"
#include "broker/server/import.h"
#include "broker/server/keeper.h"
#include "broker/server/log_writer.h"
#include "broker/server/memory_watch.h"
#include "broker/server/process.h"
#include "broker/server/service_manager.h"
#include "broker/server/translate.h"
#include "broker/shard.h"
#include "conf/command_line.h"
#include "conf/load.h"
#include "conf/sample.h"
#include "transport/loops.h"

namespace server {
namespace {

using broker::concat;
using broker::LogType;

constexpr std::string_view version = DARTER_VERSION;

int status(conf::ExitCode code) { return static_cast<int>(code); }

void print_error(std::string_view text) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
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
  Server(conf::Settings settings, std::string config_file,
         std::vector<std::shared_ptr<const auth::Realm>> realms, Certificates::Contexts tls)
      : settings_(std::move(settings)),
        config_file_(std::move(config_file)),
        log_(settings_.log),
        gatekeeper_(std::move(realms), log_),
        certificates_(settings_, std::move(tls), log_),
        commons_(thread_count(settings_)),
        memory_(settings_.memory_limit_bytes, commons_.memory, log_),
        service_manager_(log_) {}

  /// Opens listeners, gives up privileges and starts the loops.
  [[nodiscard]] std::expected<void, std::string> open(ActivatedSockets sockets);
  /// Serves until a signal ends it.
  void serve();
  void stop();
  LogWriter& log() { return log_; }

 private:
  [[nodiscard]] std::expected<void, std::string> open_listeners(ActivatedSockets sockets);
  [[nodiscard]] std::string status_text() const;
  [[nodiscard]] std::vector<broker::ShardOptions> shard_options() const;
  void say_where(const transport::Listener& listener);
  [[nodiscard]] std::vector<std::string> unix_sockets() const;
  void reload();
  void publish_heap();
  void publish_turns();
  void publish_store();
  void publish_certificates();
  [[nodiscard]] std::expected<void, std::string> open_store();

  conf::Settings settings_;
  std::string config_file_;
  LogWriter log_;
  Gatekeeper gatekeeper_;
  Certificates certificates_;
  broker::Commons commons_;
  MemoryWatch memory_;
  ServiceManager service_manager_;
  PidFile pid_file_;
  std::vector<std::shared_ptr<transport::Listener>> listeners_;
  std::unique_ptr<transport::Loops> loops_;
  std::unique_ptr<Keeper> keeper_;  // null: nothing is stored
  std::uint64_t open_files_max_ = 0;
  std::size_t heap_bytes_max_ = 0;
  std::int64_t turn_max_milliseconds_ = 0;
};

std::expected<void, std::string> Server::open(ActivatedSockets sockets) {
  log_.write(LogType::information, concat({"darter version ", version, " starting"}));
  log_.write(LogType::information, config_file_.empty()
                                       ? "Using default config."
                                       : concat({"Config loaded from ", config_file_, "."}));
  for (const conf::Diagnostic& remark : settings_.remarks) {
    log_.write(remark.severity == conf::Severity::warning ? LogType::warning : LogType::notice,
               concat({remark.severity == conf::Severity::warning ? "Warning: " : "Notice: ",
                       conf::format_without_severity(remark)}));
  }
  if (std::ranges::any_of(settings_.listeners, &conf::Listener::loopback_only)) {
    log_.write(
        LogType::information,
        "Starting in local only mode: only this machine can connect, since the configuration "
        "has no listener.");
  }
  open_files_max_ = raise_open_files_limit();
  log_.write(LogType::information,
             concat({"Open files limit: ", std::to_string(open_files_max_), "."}));
  if (auto opened = open_listeners(std::move(sockets)); !opened) return opened;
  // Behind the ports: the file of a broker that has them already must stay.
  auto pid_file = PidFile::create(settings_.pid_file);
  if (!pid_file) return std::unexpected(pid_file.error());
  pid_file_ = std::move(*pid_file);
  if (auto dropped = drop_privileges(settings_.user, {unix_sockets(), log_.made_files()}); !dropped)
    return dropped;

  if (auto opened = open_store(); !opened) return opened;
  const std::vector<broker::ShardOptions> shards = shard_options();
  prepare_heap(shards.size());
  transport::StoreFunction store;
  if (keeper_ != nullptr) {
    store = [this](broker::ShardIndex shard, broker::JournalBatch batch) {
      keeper_->submit(shard, std::move(batch));
    };
  }
  loops_ = std::make_unique<transport::Loops>(
      loop_options_of(settings_, open_files_max_), shards, commons_, log_,
      [this](broker::LoginRequest&& request, transport::LoginDone done) {
        return gatekeeper_.login(std::move(request), std::move(done));
      },
      std::move(store));
  if (keeper_ != nullptr) {
    const auto count = static_cast<std::uint32_t>(shards.size());
    if (auto loaded = keeper_->load(*loops_, count); !loaded) return loaded;
  }
  if (auto started = loops_->start(listeners_); !started) return started;
  log_.set_topic([this](std::string topic, std::string line) {
    loops_->post(broker::ShardIndex{0}, [topic = std::move(topic), line = std::move(line)](
                                            broker::Shard& shard, broker::Instant now) {
      shard.publish_sys(topic, line, false, now);
    });
  });
  log_.write(LogType::information, concat({"darter version ", version, " running"}));
  service_manager_.watch(*loops_, thread_count(settings_));
  service_manager_.ready(status_text());
  return {};
}

std::expected<void, std::string> Server::open_store() {
  if (!settings_.persistence) return {};
  auto keeper = Keeper::open(settings_, gatekeeper_, log_);
  if (!keeper) return std::unexpected(keeper.error());
  keeper_ = std::move(*keeper);
  return {};
}

std::expected<void, std::string> Server::open_listeners(ActivatedSockets sockets) {
  for (std::size_t i = 0; i < settings_.listeners.size(); ++i) {
    auto listener = sockets.open(listener_options_of(settings_, static_cast<std::uint16_t>(i)));
    if (!listener) return std::unexpected(listener.error());
    say_where(**listener);
    listeners_.push_back(std::move(*listener));
  }
  if (auto taken = sockets.all_taken(); !taken) return taken;
  certificates_.install(listeners_);
  return {};
}

std::string Server::status_text() const {
  std::string places;
  for (const auto& listener : listeners_) {
    const std::string& path = listener->options().unix_socket_path;
    places += concat({places.empty() ? "" : ", ",
                      path.empty() ? concat({"port ", std::to_string(listener->port())}) : path});
  }
  return concat({"Serving MQTT on ", places});
}

void Server::say_where(const transport::Listener& listener) {
  const transport::ListenerOptions& options = listener.options();
  const bool websockets = options.protocol == transport::Protocol::websockets;
  if (!options.unix_socket_path.empty()) {
    log_.write(LogType::information,
               concat({"Opening ", websockets ? "websockets " : "", "unix listen socket on path ",
                       options.unix_socket_path, "."}));
    return;
  }
  const std::string port = std::to_string(listener.port());
  if (websockets) {
    log_.write(LogType::information,
               concat({"Opening websockets listen socket on port ", port, "."}));
    return;
  }
  for (const int socket : listener.sockets()) {
    log_.write(LogType::information,
               concat({"Opening ", transport::is_ipv6(socket) ? "ipv6" : "ipv4",
                       " listen socket on port ", port, "."}));
  }
}

std::vector<std::string> Server::unix_sockets() const {
  std::vector<std::string> paths;
  for (const auto& listener : listeners_) {
    // One that was given an owner stays his.
    if (!listener->made_file() || !listener->options().unix_socket_owner.empty()) continue;
    paths.push_back(listener->options().unix_socket_path);
  }
  return paths;
}

std::vector<broker::ShardOptions> Server::shard_options() const {
  broker::ShardOptions options;
  options.shards = thread_count(settings_);
  options.home_key[0] = secret();
  options.home_key[1] = secret();
  options.version = version;
  options.limits = limits_of(settings_);
  options.durability = durability_of(settings_);
  options.authority = &gatekeeper_;
  for (std::size_t i = 0; i < settings_.listeners.size(); ++i) {
    options.listeners.push_back(policy_of(settings_.listeners[i]));
    options.listeners.back().port = listeners_[i]->port();
  }
  std::vector<broker::ShardOptions> all;
  for (std::uint32_t shard = 0; shard < options.shards; ++shard) {
    options.index = broker::ShardIndex{shard};
    options.seed = secret();
    all.push_back(options);
  }
  return all;
}

void Server::serve() {
  const sigset_t signals = watched_signals();
  const std::int64_t interval_seconds = settings_.sys_interval_seconds;
  std::int64_t wait_seconds = interval_seconds == 0 ? 3600 : interval_seconds;
  if (const std::int64_t look = certificates_.interval_seconds(); look != 0) {
    wait_seconds = std::min(wait_seconds, look);
  }
  const timespec timeout = service_manager_.sooner(
      memory_.on() ? timespec{0, MemoryWatch::interval_milliseconds * 1'000'000}
                   : timespec{wait_seconds, 0});
  broker::Instant next_figures;
  for (;;) {
    memory_.look();
    service_manager_.look(transport::Loops::now());
    certificates_.look(transport::Loops::now());
    if (transport::Loops::now() >= next_figures) {
      next_figures = after_seconds(transport::Loops::now(), interval_seconds);
      publish_heap();
      publish_turns();
      publish_store();
      publish_certificates();
    }
    switch (::sigtimedwait(&signals, nullptr, &timeout)) {
      case SIGTERM:
      case SIGINT:
        return;
      case SIGHUP:
        service_manager_.reloading();
        reload();
        service_manager_.ready(status_text());
        break;
      default:
        break;
    }
  }
}

void Server::publish_heap() {
  if (settings_.sys_interval_seconds == 0) return;
  const std::size_t bytes = heap_bytes();
  heap_bytes_max_ = std::max(heap_bytes_max_, bytes);
  loops_->post(broker::ShardIndex{0},
               [bytes, most = heap_bytes_max_](broker::Shard& shard, broker::Instant now) {
                 shard.publish_sys("$SYS/broker/heap/current", std::to_string(bytes), true, now);
                 shard.publish_sys("$SYS/broker/heap/maximum", std::to_string(most), true, now);
               });
}

/// How long a loop kept its clients waiting: at most, lately and since the start.
void Server::publish_turns() {
  if (settings_.sys_interval_seconds == 0) return;
  const std::int64_t lately = loops_->take_longest_turn_milliseconds();
  turn_max_milliseconds_ = std::max(turn_max_milliseconds_, lately);
  loops_->post(broker::ShardIndex{0}, [lately, most = turn_max_milliseconds_](broker::Shard& shard,
                                                                              broker::Instant now) {
    shard.publish_sys("$SYS/broker/loop/turn/current", std::to_string(lately), true, now);
    shard.publish_sys("$SYS/broker/loop/turn/maximum", std::to_string(most), true, now);
  });
}

void Server::publish_store() {
  if (settings_.sys_interval_seconds == 0 || keeper_ == nullptr) return;
  keeper_->publish([this](std::string_view topic, std::string value) {
    loops_->post(broker::ShardIndex{0}, [topic = std::string(topic), value = std::move(value)](
                                            broker::Shard& shard, broker::Instant now) {
      shard.publish_sys(topic, value, true, now);
    });
  });
}

void Server::publish_certificates() {
  if (settings_.sys_interval_seconds == 0) return;
  certificates_.publish([this](std::string_view topic, std::string value) {
    loops_->post(broker::ShardIndex{0}, [topic = std::string(topic), value = std::move(value)](
                                            broker::Shard& shard, broker::Instant now) {
      shard.publish_sys(topic, value, true, now);
    });
  });
}

void Server::reload() {
  log_.reopen();
  auto realms = Gatekeeper::load(settings_);
  auto tls = Certificates::load(settings_);
  if (!realms) {
    for (const std::string_view fault : lines_of(realms.error())) {
      log_.write(LogType::error,
                 concat({"Reload refused, the old users and access rules stay: ", fault}));
    }
  }
  if (!tls) {
    for (const std::string_view fault : lines_of(tls.error())) {
      log_.write(LogType::error, concat({"Reload refused, the old certificates stay: ", fault}));
    }
  }
  if (!realms || !tls) return;
  gatekeeper_.replace(std::move(*realms));
  certificates_.replace(std::move(*tls));
  log_.write(LogType::notice,
             "Reloaded password and ACL files and certificates, reopened log files.");
}

void Server::stop() {
  service_manager_.stopping();
  log_.write(LogType::information, concat({"darter version ", version, " terminating"}));
  log_.set_topic({});
  loops_->stop();
  if (keeper_ != nullptr) keeper_->finish();
}

int run_broker(const conf::CommandLine& command_line, conf::Settings settings,
               std::vector<std::shared_ptr<const auth::Realm>> realms, Certificates::Contexts tls) {
  // In the process that was started: its id is in the environment, too.
  auto sockets = ActivatedSockets::receive();
  if (!sockets) {
    print_error("Error: " + sockets.error());
    return status(conf::ExitCode::unusable_listener);
  }
  Daemon daemon;
  if (settings.daemon) {
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

  Server server(std::move(settings), command_line.config_file, std::move(realms), std::move(tls));
  if (auto opened = server.open(std::move(*sockets)); !opened) {
    const std::string line = "Error: " + opened.error();
    if (server.log().enabled(LogType::error)) {
      server.log().write(LogType::error, line);
    } else {
      print_error(line);
    }
    return status(conf::ExitCode::unusable_listener);
  }
  if (command_line.daemon) server.log().detach();
  daemon.started();
  server.serve();
  server.stop();
  return status(conf::ExitCode::success);
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
    case conf::Action::run:
    case conf::Action::test_config:
    case conf::Action::import_file:
      break;
  }
  auto settings = conf::load(*command_line);
  if (!settings) return report(settings.error());
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
    return status(conf::ExitCode::bad_configuration);
  }
  if (command_line->action == conf::Action::test_config) {
    report(settings->remarks);
    for (const std::string& line : Certificates::warnings(*settings, *tls)) {
      print_error("Warning: " + line);
    }
    return status(conf::ExitCode::success);
  }
  if (command_line->action == conf::Action::import_file) {
    return import_by_hand(*settings, std::move(*realms), command_line->import_file);
  }
  return run_broker(*command_line, std::move(*settings), std::move(*realms), std::move(*tls));
}

}  // namespace server
