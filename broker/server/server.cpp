#include "broker/server/server.h"

#include <csignal>
#include <poll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

#include "auth/realm.h"
#include "broker/core/text.h"
#include "broker/server/administration.h"
#include "broker/server/cluster/cluster_options.h"
#include "broker/server/component_options.h"
#include "broker/server/process.h"
#include "broker/server/reload.h"
#include "broker/server/start_lines.h"
#include "broker/server/translate.h"
#include "conf/command_line.h"

namespace server {
namespace {

using broker::concat;
using broker::LogType;

constexpr std::string_view version = DARTER_VERSION;

std::uint64_t secret() {
  std::uint64_t value = 0;
  // The kernel's pool is ready long before a broker starts; a short read cannot be with 8 bytes.
  while (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
  }
  return value;
}

}  // namespace

std::expected<void, std::string> Server::open(ActivatedSockets sockets) {
  say_how_it_starts(log_, active_, secrets_.realms);
  if (auto opened = open_listeners(std::move(sockets)); !opened) return opened;
  // As root, if the broker has been started as root: keys are its secrets.
  auto bridges = bridges_.prepare(active_.settings, number_of_bridges(listeners_.entries()));
  if (!bridges) return std::unexpected(bridges.error());
  for (const std::string& warning : bridges->warnings) {
    warn_of_configuration(log_, warning);
  }
  // Behind the ports: the file of a broker that has them already must stay.
  auto pid_file = PidFile::create(active_.settings.pid_file);
  if (!pid_file) return std::unexpected(pid_file.error());
  pid_file_ = std::move(*pid_file);
  open_control();
  if (auto dropped = drop_privileges(active_.settings.user,
                                     {unix_sockets(), log_.made_files(), listeners_.sockets()});
      !dropped)
    return dropped;

  if (auto opened = open_store(); !opened) return opened;
  open_cluster();
  const std::vector<broker::ShardOptions> shards = shard_options(bridges->shares());
  transport::StoreFunction store;
  if (store_service_ != nullptr) {
    store = [this](broker::ShardIndex shard, broker::JournalBatch batch) {
      store_service_->submit(shard, std::move(batch));
    };
  }
  loops_ = std::make_unique<transport::Loops>(
      loop_options_of(active_.settings, active_.open_files_max), shards, commons_, log_,
      [this](broker::LoginRequest&& request, broker::LoginDone done) {
        return login_service_.login(std::move(request), std::move(done));
      },
      std::move(store));
  if (store_service_ != nullptr) {
    const auto count = static_cast<std::uint32_t>(shards.size());
    if (auto loaded = store_service_->load(*loops_, count); !loaded) return loaded;
  }
  if (auto started = loops_->start(listeners_.listeners()); !started) return started;
  static_cast<void>(bridges_.change(std::move(*bridges), *loops_));
  if (cluster_ != nullptr) {
    if (auto started = cluster_->start(*loops_); !started) return started;
  }
  log_.set_topic([this](std::string topic, std::string line) {
    loops_->post(broker::ShardIndex{0}, [topic = std::move(topic), line = std::move(line)](
                                            broker::Shard& shard, broker::Instant now) {
      shard.publish_sys(topic, line, false, now);
    });
  });
  note_life(log_, broker::Event::broker_running, "running");
  service_manager_.watch(*loops_, thread_count(active_.settings));
  open_answers();
  service_manager_.ready(status_text());
  log_.started();
  return {};
}

std::expected<void, std::string> Server::open_store() {
  if (!active_.settings.persistence) return {};
  auto store_service = StoreService::open(active_.settings, login_service_, log_);
  if (!store_service) return std::unexpected(store_service.error());
  store_service_ = std::move(*store_service);
  return {};
}

void Server::open_cluster() {
  if (active_.settings.cluster.urls.empty()) return;
  cluster_ = std::make_unique<ClusterService>(
      cluster_options_of(active_.settings.cluster, thread_count(active_.settings)), commons_.counts,
      log_);
  commons_.interest.tell(cluster_->watch());
}

std::expected<void, std::string> Server::open_listeners(ActivatedSockets sockets) {
  ComponentOptions all = component_options_of(active_.settings, active_.open_files_max);
  auto staged = listeners_.stage(
      entries_of(std::move(all.listeners), std::move(secrets_.realms), std::move(secrets_.tls)),
      &sockets);
  if (!staged) return std::unexpected(staged.error());
  if (auto taken = sockets.all_taken(); !taken) return taken;
  listeners_.commit(std::move(*staged));
  log_.name_listeners(names_of(listeners_.listeners()));
  // Those of the listeners are known; messages of bridges are judged by theirs.
  login_service_.replace(realms_of(listeners_.entries()));
  certificates_.begin();
  desk_->admins()->replace(listeners_.realm_of_admins());
  return {};
}

std::string Server::status_text() const {
  std::string places;
  std::string http_places;
  for (const auto& listener : listeners_.listeners()) {
    const std::string& path = listener->options().unix_socket_path;
    const bool http = listener->options().protocol == transport::Protocol::http;
    std::string& list = http ? http_places : places;
    list += concat({list.empty() ? "" : ", ",
                    path.empty() ? concat({"port ", std::to_string(listener->port())}) : path});
  }
  return concat({"Serving MQTT on ", places, http_places.empty() ? "" : "; HTTP on ", http_places});
}

void Server::open_control() {
  // The name as it is after the latest reload.
  auto may_ask =
      ControlSocket::is_root_starter_or_in([this] { return active_.settings.control_group; });
  auto control = ControlSocket::open(active_.command_line.config_file, std::move(may_ask));
  if (control) {
    control_ = std::move(*control);
  } else {
    warn_of_configuration(log_, control.error());
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

std::vector<broker::ShardOptions> Server::shard_options(broker::TopicShares shares) const {
  broker::ShardOptions options;
  options.shards = thread_count(active_.settings);
  options.home_key[0] = secret();
  options.home_key[1] = secret();
  options.version = version;
  options.limits = limits_of(active_.settings);
  options.durability = durability_of(active_.settings);
  options.authority = &login_service_;
  options.listeners = policies_of(listeners_.entries());
  options.topic_shares = std::move(shares);
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
  if (store_service_ != nullptr) store_service_->look(*loops_, now);
  log_.look(now);
  answers_->look(now);
  if (active_.settings.sys_interval_seconds == 0 || now < next_figures_) return;
  next_figures_ = after_seconds(now, active_.settings.sys_interval_seconds);
  publish_figures();
}

std::int64_t Server::wait_milliseconds() const {
  if (memory_.on()) return service_manager_.sooner_milliseconds(MemoryWatch::interval_milliseconds);
  return service_manager_.sooner_milliseconds(
      answers_->sooner_milliseconds(look_milliseconds(), transport::Loops::now()));
}

std::int64_t Server::look_milliseconds() const {
  const std::int64_t interval_seconds = active_.settings.sys_interval_seconds;
  std::int64_t seconds = interval_seconds == 0
                             ? MemoryWatch::return_seconds
                             : std::min(interval_seconds, MemoryWatch::return_seconds);
  if (control_.waits() || store_service_ != nullptr) seconds = 1;
  if (log_.has_files()) seconds = std::min(seconds, LogWriter::look_seconds);
  const std::int64_t look = certificates_.interval_seconds();
  return (look == 0 ? seconds : std::min(seconds, look)) * 1000;
}

bool Server::wait(std::int64_t milliseconds) {
  std::vector<pollfd> polled{{signals_.get(), POLLIN, 0}, {desk_->descriptor(), POLLIN, 0}};
  control_.watch(polled);
  ::poll(polled.data(), polled.size(), static_cast<int>(milliseconds));
  // However often SIGHUP came meanwhile, it is pending once. Clients that come after it are judged
  // by the new files, so none is accepted from before it is taken until they hold.
  signalfd_siginfo signal{};
  const bool signalled = (polled.front().revents & POLLIN) != 0;
  if (signalled) loops_->hold_accepting();
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT) return false;
    if (signal.ssi_signo == SIGHUP) reload();
  }
  if (signalled) loops_->release_accepting();
  control_.serve(transport::Loops::now(),
                 [this](const ControlQuestion& question) { return answer(question); });
  return true;
}

ControlAnswer Server::answer(const ControlQuestion& question) {
  if (question.front() == "status") return {0, answers_->status(sight_of_all())};
  if (question.front() != "reload") {
    return Administration(*loops_, listeners_, login_service_, log_).answer(question);
  }
  const ReloadReport report = reload();
  ControlAnswer answer;
  if (report.refused()) answer.exit_status = static_cast<int>(conf::ExitCode::bad_configuration);
  for (const std::string& line : lines_of(report)) answer.text += line + "\n";
  return answer;
}

ReloadReport Server::reload() {
  service_manager_.reloading();
  ReloadReport report = Reload(active_, {log_, login_service_, certificates_, memory_, listeners_,
                                         bridges_, *loops_, *desk_->admins()})
                            .run();
  const LogType type = report.refused() ? LogType::error : LogType::notice;
  const broker::LogFields fields{.event = report.refused() ? broker::Event::reload_refused
                                                           : broker::Event::reload_done};
  for (const std::string& line : lines_of(report)) log_.write_event(type, fields, line);
  next_figures_ = {};  // sys_interval may be another
  ++(report.refused() ? sight_.process.reloads_refused : sight_.process.configuration_generation);
  service_manager_.ready(status_text());
  return report;
}

void Server::open_answers() {
  sight_.broker.version = version;
  sight_.process.open_files_max = active_.open_files_max;
  sight_.started = transport::Loops::now();
  look_at_figures();
  answers_ = std::make_unique<Answers>(
      desk_,
      Answers::Parts{.loops = loops_->count(),
                     .ask_loops = [this](const Round::Report& done) { loops_->ask_reports(done); },
                     .figures = [this] { return figures_now(); },
                     .faults = [this] { return faults(); },
                     .api = ApiAnswers(*loops_, listeners_, login_service_, log_, backups())});
}

/// Null: nothing is stored.
std::unique_ptr<Backups> Server::backups() const {
  if (store_service_ == nullptr) return nullptr;
  return std::make_unique<Backups>(store_service_->path(), [this]() -> std::string {
    const persistence::WriterFigures figures = store_service_->figures();
    return figures.failing ? figures.error : "";
  });
}

void Server::stop() {
  service_manager_.stopping();
  note_life(log_, broker::Event::broker_stopping, "terminating");
  log_.set_topic({});
  answers_->stop();
  if (store_service_ != nullptr) {
    store_service_->complete(*loops_, [this] { service_manager_.goes_on(); });
  }
  loops_->stop();
  if (cluster_ != nullptr) cluster_->stop();  // wills have left
  if (store_service_ != nullptr) store_service_->finish(*loops_);
}

}  // namespace server
