#include "broker/server/adopt_command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <pwd.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/server/adoption.h"
#include "broker/server/doctor/facts.h"
#include "broker/server/doctor/file_checks.h"
#include "broker/server/translate.h"
#include "conf/convert.h"
#include "conf/detect.h"
#include "conf/file.h"
#include "conf/load.h"

namespace server {
namespace {

using broker::concat;
using Kind = AdoptionStep::Kind;

constexpr std::string_view usual_mosquitto_conf = "/etc/mosquitto/mosquitto.conf";
constexpr std::string_view darter_toml = "/etc/darter/darter.toml";
constexpr std::string_view darter_state = "/var/lib/darter/";
constexpr std::string_view drop_in = "/etc/systemd/system/darter.service.d/adopt.conf";
constexpr std::string_view adopt_journal = "/etc/darter/adopt.undo";
constexpr std::string_view new_user = "darter";
constexpr std::string_view darter_wanted =
    "/etc/systemd/system/multi-user.target.wants/darter.service";
constexpr const char* systemd_runs = "/run/systemd/system";  // sd_booted(3)
/// Where the unit of Mosquitto may lie; systemd makes one of a script.
constexpr auto mosquitto_units = std::to_array<std::string_view>(
    {"/etc/systemd/system/mosquitto.service", "/lib/systemd/system/mosquitto.service",
     "/usr/lib/systemd/system/mosquitto.service", "/etc/init.d/mosquitto"});

int fail_adopt(conf::ExitCode code, std::string_view text) {
  std::fprintf(stderr, "Error: %.*s\n", static_cast<int>(text.size()), text.data());
  return static_cast<int>(code);
}

void print_lines(std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  std::printf("%.*s\n", static_cast<int>(title.size()), title.data());
  for (const std::string& line : lines) std::printf("  %s\n", line.c_str());
  std::printf("\n");
}

/// The folder of --root without a slash at its end; empty: "/".
std::string folder_of(const conf::AdoptArguments& arguments) {
  return arguments.root.substr(0, arguments.root.find_last_not_of('/') + 1);
}

/// The ids of a user of the machine below `root`.
std::optional<std::pair<uid_t, gid_t>> ids_of(const std::string& root, std::string_view name) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen((root + "/etc/passwd").c_str(), "rbe"),
      [](std::FILE* open) { return open == nullptr ? 0 : std::fclose(open); });
  if (file == nullptr) return std::nullopt;
  while (const passwd* const entry = ::fgetpwent(file.get())) {
    if (name == entry->pw_name) return std::pair{entry->pw_uid, entry->pw_gid};
  }
  return std::nullopt;
}

/// Makes the plan: steps, and the effects that no step can have.
class Planner {
 public:
  Planner(const conf::CommandLine& command_line, doctor::Configuration configuration)
      : arguments_(command_line.adopt), configuration_(std::move(configuration)) {}

  /// Errors    One sentence that names the missing part.
  [[nodiscard]] std::expected<void, std::string> plan();

  [[nodiscard]] const std::vector<AdoptionStep>& steps() const { return steps_; }
  [[nodiscard]] const std::vector<std::string>& losses() const { return losses_; }

 private:
  void stop_mosquitto();
  void write_toml();
  void take_state();
  void hand_over_files();
  void hand_over(const std::string& path);
  /// The user that reads the files at a reload, with its groups.
  [[nodiscard]] doctor::Account reader() const;
  void write_drop_in();
  void start_darter();
  void keep_darter();
  /// Whether darter is started at each boot before it is asked to take Mosquitto's place.
  [[nodiscard]] bool serves_already() const {
    return ::access(here(darter_wanted).c_str(), F_OK) == 0;
  }
  void command(std::string line, std::vector<std::string> words, std::vector<std::string> back);
  [[nodiscard]] std::string here(std::string_view path) const {
    return concat({folder_of(arguments_), path});
  }
  [[nodiscard]] const conf::Settings& settings() const { return configuration_.settings; }

  conf::AdoptArguments arguments_;
  doctor::Configuration configuration_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  std::vector<AdoptionStep> steps_;
  std::vector<std::string> losses_;
};

std::expected<void, std::string> Planner::plan() {
  if (!arguments_.keep) {
    const auto ids = ids_of(folder_of(arguments_), new_user);
    if (!ids) {
      return std::unexpected(
          "There is no user 'darter'. The package makes it; so does: adduser --system --group "
          "--no-create-home darter. With --keep darter runs as Mosquitto's user.");
    }
    std::tie(user_, group_) = *ids;
  }
  for (const conf::Diagnostic& remark : settings().remarks) losses_.push_back(format(remark));
  keep_darter();
  stop_mosquitto();
  if (arguments_.keep) {
    write_drop_in();
  } else {
    write_toml();
    take_state();
    hand_over_files();
  }
  start_darter();
  return {};
}

void Planner::command(std::string line, std::vector<std::string> words,
                      std::vector<std::string> back) {
  steps_.push_back({.kind = Kind::run_command,
                    .command = std::move(words),
                    .undo_command = std::move(back),
                    .line = std::move(line)});
}

void Planner::stop_mosquitto() {
  const bool is_there = std::ranges::any_of(mosquitto_units, [this](std::string_view unit) {
    return ::access(here(unit).c_str(), F_OK) == 0;
  });
  if (!is_there) {
    losses_.emplace_back(
        "There is no mosquitto.service here, so none is stopped, and --undo starts none.");
    return;
  }
  command("stop Mosquitto, now and at the next boot: systemctl disable --now mosquitto",
          {"systemctl", "disable", "--now", "mosquitto.service"},
          {"systemctl", "enable", "--now", "mosquitto.service"});
}

void Planner::start_darter() {
  using Words = std::vector<std::string>;
  command("start darter, now and at each boot: systemctl enable, systemctl restart darter",
          {"systemctl", "enable", "darter.service"},
          serves_already() ? Words{} : Words{"systemctl", "disable", "--now", "darter.service"});
  command("", {"systemctl", "restart", "darter.service"}, {});
}

// Its undoing is the last of all: then the configuration from before is in its place again.
void Planner::keep_darter() {
  if (serves_already()) command("", {}, {"systemctl", "restart", "darter.service"});
}

// Folders of Mosquitto that darter's user cannot write to become darter's own.
void Planner::write_toml() {
  conf::Source source = configuration_.source;
  const auto move_folders = [](std::vector<conf::Entry>& entries) {
    for (conf::Entry& entry : entries) {
      auto* const text = std::get_if<std::string>(&entry.value);
      if (text == nullptr) continue;
      for (const std::string_view folder : {"/var/log/", "/run/"}) {
        const std::string old = concat({folder, "mosquitto/"});
        const auto found = text->find(old);
        if (found != text->npos) text->replace(found, old.size(), concat({folder, "darter/"}));
      }
    }
  };
  move_folders(source.globals);
  for (conf::ListenerSource& listener : source.listeners) move_folders(listener.entries);
  std::erase_if(source.globals, [](const conf::Entry& entry) {
    return entry.option->name == "user" || entry.option->name == "persistence_location";
  });
  std::string text = concat({"# Made by darter adopt from ", configuration_.file,
                             ". What each option means: darter.conf(5).\n\nuser = \"", new_user,
                             "\"\npersistence_location = \"", darter_state, "\"\n"});
  text += conf::to_toml(source);
  const bool there = ::access(here(darter_toml).c_str(), F_OK) == 0;
  steps_.push_back(
      {.kind = Kind::write_file,
       .path = here(darter_toml),
       .text = std::move(text),
       .group = group_,
       .mode = S_IRUSR | S_IWUSR | S_IRGRP,
       .line = concat({"write ", here(darter_toml), " from ", configuration_.file,
                       there ? " (the one there is kept as darter.toml.before-adopt)" : ""})});
}

void Planner::take_state() {
  constexpr std::string_view fresh_start =
      ". To begin with what that file holds, stop darter and move darter.db away first.";
  const StorePaths paths = store_paths_of(settings());
  if (paths.mosquitto.empty() || ::access(paths.mosquitto.c_str(), F_OK) != 0) return;
  if (::access(here(concat({darter_state, "darter.db"})).c_str(), F_OK) == 0) {
    losses_.push_back(concat({"There is a darter.db in ", here(darter_state), ": ", paths.mosquitto,
                              " is not imported", fresh_start}));
    return;
  }
  const std::string to =
      here(concat({darter_state, std::filesystem::path(paths.mosquitto).filename().string()}));
  steps_.push_back({.kind = Kind::copy_file,
                    .path = to,
                    .text = paths.mosquitto,
                    .owner = user_,
                    .group = group_,
                    .mode = S_IRUSR | S_IWUSR,
                    .line = concat({"copy ", paths.mosquitto, " to ", to,
                                    ", where the first start imports it"})});
}

void Planner::hand_over_files() {
  for (const doctor::NamedPath& each : doctor::paths_of(configuration_)) {
    using Use = doctor::NamedPath::Use;
    if (each.use == Use::read || each.use == Use::read_secret) hand_over(each.path);
  }
}

// Files beside mosquitto.conf only: the group of others, such as /etc/ssl/private, is somebody's.
void Planner::hand_over(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == EACCES) losses_.push_back(path + " is for root to see: run darter adopt as root.");
    return;
  }
  const std::string closed = doctor::closed_part(path, reader());
  if (closed.empty()) return;
  const auto folder = std::filesystem::path(configuration_.file).parent_path().string() + "/";
  if (closed != path || !S_ISREG(status.st_mode) || !path.starts_with(folder)) {
    constexpr std::string_view effect =
        ": darter has it at the start, and a reload fails, as after the renewal of a certificate. "
        "Let a group that the two share read it; darter doctor names the commands.";
    losses_.push_back(concat({path, " cannot be read by ", new_user,
                              closed == path ? "" : ", because of " + closed, effect}));
    return;
  }
  const mode_t mode = (status.st_mode & 07777U) | S_IRGRP;
  steps_.push_back({.kind = Kind::change_owner,
                    .path = path,
                    .owner = status.st_uid,
                    .group = group_,
                    .mode = mode,
                    .line = concat({"let the group ", new_user, " read ", path})});
}

doctor::Account Planner::reader() const {
  std::optional<doctor::Account> account;
  if (arguments_.root.empty()) doctor::FactFinder().look_at_user(std::string(new_user), account);
  return account.value_or(
      doctor::Account{.name = std::string(new_user), .uid = user_, .gids = {group_}});
}

void Planner::write_drop_in() {
  const std::string& file = configuration_.file;
  // Undone last of the three, when the file is gone.
  command("", {}, {"systemctl", "daemon-reload"});
  constexpr std::string_view first_lines =
      "# Made by darter adopt --keep.\n[Service]\nExecStart=\nExecStart=/usr/sbin/darter -c ";
  steps_.push_back(
      {.kind = Kind::write_file,
       .path = here(drop_in),
       .text = concat({first_lines, file, "\nExecReload=\nExecReload=/usr/sbin/darter --reload -c ",
                       file, "\n"}),
       .mode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH,
       .line = concat({"write ", here(drop_in), ": darter serves ", file})});
  command("", {"systemctl", "daemon-reload"}, {});
}

/// Why this process cannot change the machine: a sentence that says what to do. Empty: it can.
std::string obstacle_of(const conf::AdoptArguments& arguments) {
  if (!arguments.root.empty() || (!arguments.apply && !arguments.undo)) return {};
  if (::geteuid() != 0) {
    return concat({"This takes root: sudo darter adopt ", arguments.keep ? "--keep " : "",
                   arguments.undo ? "--undo" : "--apply"});
  }
  if (::access(systemd_runs, F_OK) != 0) {
    constexpr std::string_view way =
        "systemd swaps the brokers, and it does not run here. Swap them yourself: stop the one, "
        "run "
        "darter adopt --root / ";
    return concat({way, arguments.keep ? "--keep " : "", arguments.undo ? "--undo" : "--apply",
                   ", start the other."});
  }
  return {};
}

int take_back(Adoption& adoption) {
  if (!adoption.is_made()) {
    return fail_adopt(conf::ExitCode::bad_configuration, "darter adopt has changed nothing here.");
  }
  const std::vector<std::string> faults = adoption.undo();
  for (const std::string& fault : faults) std::fprintf(stderr, "Error: %s\n", fault.c_str());
  if (!faults.empty()) return static_cast<int>(conf::ExitCode::unusable_listener);
  std::printf("All is as it was before darter adopt.\n");
  return 0;
}

std::expected<doctor::Configuration, int> read_configuration(const std::string& file) {
  const auto text = conf::read_file(file);
  if (!text) {
    return std::unexpected(fail_adopt(conf::ExitCode::bad_configuration,
                                      text.error() + "; -c names another configuration."));
  }
  auto settings = conf::load_text(*text, file);
  if (!settings) {
    std::fprintf(stderr, "darter cannot serve this configuration yet:\n");
    for (const conf::Diagnostic& each : settings.error()) {
      std::fprintf(stderr, "  %s\n", conf::format(each).c_str());
    }
    return std::unexpected(static_cast<int>(conf::ExitCode::bad_configuration));
  }
  if (conf::detect_form(*text, file) == conf::FileForm::toml) {
    return std::unexpected(fail_adopt(conf::ExitCode::bad_configuration,
                                      file + " is a darter.toml, not Mosquitto's."));
  }
  doctor::Configuration configuration;
  configuration.file = file;
  configuration.settings = std::move(*settings);
  configuration.source = conf::read_source(*text, file);
  return configuration;
}

}  // namespace

int run_adopt(const conf::CommandLine& command_line) {
  const conf::AdoptArguments& arguments = command_line.adopt;
  Adoption adoption(concat({folder_of(arguments), adopt_journal}), arguments.root.empty());
  if (const auto obstacle = obstacle_of(arguments); !obstacle.empty()) {
    return fail_adopt(conf::ExitCode::bad_configuration, obstacle);
  }
  if (arguments.undo) return take_back(adoption);
  if (adoption.is_made()) {
    return fail_adopt(conf::ExitCode::bad_configuration,
                      "It is done already. To take it back: darter adopt --undo");
  }
  const std::string file = command_line.config_file.empty()
                               ? concat({folder_of(arguments), usual_mosquitto_conf})
                               : command_line.config_file;
  auto configuration = read_configuration(file);
  if (!configuration) return configuration.error();
  Planner planner(command_line, std::move(*configuration));
  if (const auto planned = planner.plan(); !planned) {
    return fail_adopt(conf::ExitCode::bad_configuration, planned.error());
  }
  std::vector<std::string> lines;
  for (const AdoptionStep& step : planner.steps()) {
    if (!step.line.empty()) lines.push_back(step.line);
  }
  std::printf("darter adopt: %s\n\n", file.c_str());
  print_lines(arguments.apply ? "What changes:" : "What would change:", lines);
  print_lines("What is not kept, or means something else:", planner.losses());
  std::fflush(stdout);
  if (!arguments.apply) {
    std::printf("Nothing was changed. To do it: darter adopt %s--apply\n",
                arguments.keep ? "--keep " : "");
    return 0;
  }
  if (const auto made = adoption.make(planner.steps()); !made) {
    return fail_adopt(conf::ExitCode::unusable_listener, made.error());
  }
  std::printf("Done. To take it back: darter adopt --undo\n");
  return 0;
}

}  // namespace server
