#include "broker/server/doctor/file_checks.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

namespace doctor {
namespace {

using Use = NamedPath::Use;

constexpr std::uint32_t may_read = 4;
constexpr std::uint32_t may_write = 2;
constexpr std::uint32_t may_search = 1;

std::string octal(std::uint32_t mode) {
  std::string text = "0000";
  for (std::size_t i = text.size(); i-- > 0; mode >>= 3U) {
    text[i] = static_cast<char>('0' + (mode & 7U));
  }
  return text;
}

std::string folder_of(const std::string& path) {
  const auto paths = path_and_parents(path);
  return paths.size() > 1 ? paths[paths.size() - 2] : "/";
}

class PathCollector {
 public:
  explicit PathCollector(const Configuration& configuration) : configuration_(configuration) {}

  std::vector<NamedPath> collect() &&;

 private:
  void add(const std::string& path, Use use, std::string option, std::string where);
  void listener(std::size_t index);

  const Configuration& configuration_;
  std::vector<NamedPath> paths_;
};

void PathCollector::add(const std::string& path, Use use, std::string option, std::string where) {
  if (path.empty()) return;
  const bool known = std::ranges::any_of(
      paths_, [&](const NamedPath& each) { return each.path == path && each.use == use; });
  if (known) return;
  paths_.push_back(
      {.path = path, .use = use, .option = std::move(option), .where = std::move(where)});
}

void PathCollector::listener(std::size_t index) {
  const conf::Listener& listener = configuration_.settings.listeners[index];
  const auto add_option = [&](std::string_view option, const std::string& path, Use use) {
    add(path, use, std::string(option), configuration_.where(index, option));
  };
  add_option("listener", listener.unix_socket_path, Use::socket);
  const bool is_http = listener.protocol == conf::Protocol::http;
  if (is_http) add_option("admin_file", configuration_.settings.admin_file, Use::read_secret);
  add_option("password_file", listener.security.password_file, Use::read_secret);
  add_option("acl_file", listener.security.acl_file, Use::read);
  if (!listener.tls.psk_hint.empty()) {
    add_option("psk_file", listener.security.psk_file, Use::read_secret);
  }
  for (const auto& file : listener.tls.certfiles) add_option("certfile", file, Use::read);
  for (const auto& file : listener.tls.keyfiles) add_option("keyfile", file, Use::read_secret);
  for (const auto& file : listener.tls.ocsp_files) add_option("ocsp_file", file, Use::read);
  if (listener.tls.is_on()) {
    add_option("cafile", listener.tls.cafile, Use::read);
    add_option("capath", listener.tls.capath, Use::read_folder);
    add_option("crlfile", listener.tls.crlfile, Use::read);
  }
  add_option("http_dir", listener.http_dir, Use::read_folder);
}

std::vector<NamedPath> PathCollector::collect() && {
  const conf::Settings& settings = configuration_.settings;
  add(configuration_.file, Use::read, "", configuration_.file);
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) listener(i);
  if (settings.persistence) {
    const bool named = !settings.persistence_location.empty();
    add(named ? settings.persistence_location : ".", Use::keep_in, "persistence_location",
        configuration_.where(named ? "persistence_location" : "persistence"));
    add(configuration_.store_file, Use::kept_file, "persistence_file",
        configuration_.where("persistence_file"));
  }
  add(settings.pid_file, Use::start_file, "pid_file", configuration_.where("pid_file"));
  for (const conf::LogDestination& each : settings.log.destinations) {
    add(each.path, Use::write_file, "log_dest", configuration_.where("log_dest"));
  }
  return std::move(paths_);
}

/// Looks at one path as the broker's user would find it.
class PathCheck {
 public:
  PathCheck(const NamedPath& path, const Configuration& configuration, const Facts& facts,
            Findings& findings)
      : path_(path),
        refuses_open_secrets_(configuration.settings.refuse_open_secrets),
        facts_(facts),
        findings_(findings),
        paths_(path_and_parents(path.path)) {}

  void run();

 private:
  [[nodiscard]] const FileFacts& file() const { return facts_of(paths_.back()); }
  [[nodiscard]] const FileFacts& facts_of(const std::string& path) const;
  [[nodiscard]] const Account& user() const { return *facts_.broker; }
  [[nodiscard]] std::string what() const;
  [[nodiscard]] bool is_hidden() const;
  [[nodiscard]] bool is_made_at_start() const {
    return path_.use == Use::socket || path_.use == Use::start_file;
  }
  /// Is the broker its user from the start on, rather than root first?
  [[nodiscard]] bool starts_as_its_user() const { return !facts_.is_root && !facts_.unit; }
  [[nodiscard]] bool is_reachable();
  [[nodiscard]] bool is_there();
  [[nodiscard]] bool is_of_its_kind();
  [[nodiscard]] bool is_private();
  [[nodiscard]] bool has_access();
  [[nodiscard]] std::string command_to_close() const;
  void missing();
  void closed(const std::string& text, std::string cure);
  void no_access(std::string_view verb);
  [[nodiscard]] bool folder_is_writable(const std::string& folder);

  const NamedPath& path_;
  bool refuses_open_secrets_;
  const Facts& facts_;
  Findings& findings_;
  std::vector<std::string> paths_;  // from the root on
};

const FileFacts& PathCheck::facts_of(const std::string& path) const {
  static const FileFacts missing;
  const auto found = facts_.files.find(path);
  return found == facts_.files.end() ? missing : found->second;
}

/// "'password_file' /etc/darter/passwd"
std::string PathCheck::what() const {
  return (path_.option.empty() ? "The configuration" : "'" + path_.option + "'") + " " +
         paths_.back();
}

bool PathCheck::is_hidden() const {
  return std::ranges::any_of(paths_, [this](const std::string& each) {
    return facts_of(each).state == FileFacts::State::hidden;
  });
}

/// May the broker's user go through every folder above?
bool PathCheck::is_reachable() {
  for (std::size_t i = 0; i + 1 < paths_.size(); ++i) {
    const FileFacts& folder = facts_of(paths_[i]);
    if (folder.state != FileFacts::State::there || may(user(), folder, may_search)) continue;
    closed(what() + ": user " + user().name + " may not search the folder " + paths_[i] +
               " (mode " + octal(folder.mode) + ")",
           "chmod o+x " + paths_[i] + "   (or give it to a group of " + user().name + ": chgrp " +
               user().name + " " + paths_[i] + " && chmod g+x " + paths_[i] + ")");
    return false;
  }
  return true;
}

void PathCheck::missing() {
  switch (path_.use) {
    case Use::keep_in:
      return findings_.error(path_.where, what() + ": there is no such folder",
                             "install -d -o " + user().name + " -m 750 " + paths_.back());
    case Use::read_folder:
      return findings_.error(path_.where, what() + ": there is no such folder",
                             "make it, or name another");
    case Use::read:
    case Use::read_secret:
    case Use::write_file:
    case Use::kept_file:
    case Use::socket:
    case Use::start_file:
      break;
  }
  std::string cure = "make it, or name another";
  if (path_.option == "password_file" || path_.option == "admin_file") {
    cure =
        "darter-passwd -c " + paths_.back() + " USER && chown " + user().name + " " + paths_.back();
  }
  findings_.error(path_.where, what() + ": there is no such file", std::move(cure));
}

bool PathCheck::is_there() {
  const std::string folder = folder_of(path_.path);
  const bool is_made = path_.use == Use::write_file || is_made_at_start();
  if (is_made && !facts_of(folder).is_folder) {
    findings_.error(path_.where, what() + ": there is no folder " + folder,
                    "install -d -o " + user().name + " -m 750 " + folder);
    return false;
  }
  if (is_made || file().state == FileFacts::State::there) return true;
  missing();
  return false;
}

/// Is it a folder where the broker wants one, and none where it wants a file?
bool PathCheck::is_of_its_kind() {
  const bool wants_folder = path_.use == Use::keep_in || path_.use == Use::read_folder;
  if (file().state != FileFacts::State::there || path_.use == Use::socket ||
      file().is_folder == wants_folder) {
    return true;
  }
  findings_.error(path_.where, what() + (wants_folder ? " is no folder" : " is a folder"),
                  "name another");
  return false;
}

/// Closes a file to everybody and leaves it readable for the broker, whatever it was before.
std::string PathCheck::command_to_close() const {
  const std::string& path = paths_.back();
  return "chown root:" + (user().group.empty() ? user().name : user().group) + " " + path +
         " && chmod 640 " + path;
}

bool PathCheck::is_private() {
  constexpr std::uint32_t of_others = 7;
  if (path_.use != Use::read_secret || (file().mode & of_others & ~may_search) == 0) return true;
  const std::string text = what() +
                           " holds secrets, but everybody on this machine may read it (mode " +
                           octal(file().mode) + ")";
  if (refuses_open_secrets_) {
    findings_.error(path_.where, text + "; the broker does not start with it", command_to_close());
  } else {
    findings_.warning(path_.where, text, command_to_close());
  }
  return false;
}

/// A file that root opens at the start works until the broker's user has to open it again.
void PathCheck::closed(const std::string& text, std::string cure) {
  switch (path_.use) {
    case Use::read:
    case Use::read_secret:
      return findings_.warning(
          path_.where, text + "; a reload will fail, and so does a start that is not root's",
          std::move(cure));
    case Use::write_file:
      return findings_.warning(
          path_.where,
          text +
              "; once the file is rotated lines are lost, and so they are if root does not start",
          std::move(cure));
    case Use::read_folder:
    case Use::keep_in:
    case Use::kept_file:
    case Use::socket:
    case Use::start_file:
      return findings_.error(path_.where, text, std::move(cure));
  }
}

void PathCheck::no_access(std::string_view verb) {
  const bool reads = path_.use == Use::read || path_.use == Use::read_secret;
  closed(what() + ": user " + user().name + " may not " + std::string(verb) + " it (mode " +
             octal(file().mode) + ")",
         reads ? command_to_close() : "chown " + user().name + " " + paths_.back());
}

bool PathCheck::folder_is_writable(const std::string& folder) {
  if (may(user(), facts_of(folder), may_write | may_search)) return true;
  closed(what() + ": user " + user().name + " may make no file in " + folder + " (mode " +
             octal(facts_of(folder).mode) + ")",
         "chown " + user().name + " " + folder);
  return false;
}

bool PathCheck::has_access() {
  std::uint32_t wanted = may_read;
  std::string_view verb = "read";
  switch (path_.use) {
    case Use::socket:
      return !starts_as_its_user() || folder_is_writable(folder_of(path_.path));
    case Use::start_file:
      if (!starts_as_its_user()) return true;
      if (file().state != FileFacts::State::there) return folder_is_writable(folder_of(path_.path));
      wanted = may_write;
      verb = "write to";
      break;
    case Use::write_file:
      if (file().state != FileFacts::State::there) return folder_is_writable(folder_of(path_.path));
      wanted = may_write;
      verb = "write to";
      break;
    case Use::kept_file:
      wanted = may_read | may_write;
      verb = "read and write";
      break;
    case Use::keep_in:
      wanted = may_read | may_write | may_search;
      verb = "make files in";
      break;
    case Use::read_folder:
      wanted = may_read | may_search;
      break;
    case Use::read:
    case Use::read_secret:
      break;
  }
  if (may(user(), file(), wanted)) return true;
  no_access(verb);
  return false;
}

void PathCheck::run() {
  if (is_hidden()) {
    return findings_.unknown(path_.where,
                             what() +
                                 " cannot be looked at: it is in a folder that is closed to "
                                 "whoever runs this",
                             "run this as root, or as user " + user().name);
  }
  const bool is_new = path_.use == Use::kept_file && file().state == FileFacts::State::missing;
  if (is_new || !is_there() || !is_of_its_kind() || !is_reachable()) return;
  const bool secret = is_private();
  if (!has_access() || !secret) return;
  const std::string user_may = "user " + user().name;
  switch (path_.use) {
    case Use::read_secret:
      return findings_.good(path_.where,
                            what() + " is readable by " + user_may + " and closed to others");
    case Use::write_file:
    case Use::kept_file:
    case Use::keep_in:
      return findings_.good(path_.where, what() + " is writable by " + user_may);
    case Use::socket:
    case Use::start_file:
      return findings_.good(path_.where, what() + ": its folder is there");
    case Use::read:
    case Use::read_folder:
      return findings_.good(path_.where, what() + " is readable by " + user_may);
  }
}

}  // namespace

std::vector<NamedPath> paths_of(const Configuration& configuration) {
  return PathCollector(configuration).collect();
}

void check_made_files(const Configuration& configuration, const Facts& facts, Findings& findings) {
  if (!facts.broker) {
    return findings.error(configuration.where("user"),
                          "There is no user '" + configuration.settings.user + "' on this machine",
                          "");
  }
  for (const NamedPath& path : paths_of(configuration)) {
    const bool is_read =
        path.use == Use::read || path.use == Use::read_secret || path.use == Use::read_folder;
    if (!is_read) PathCheck(path, configuration, facts, findings).run();
  }
}

void check_files(const Configuration& configuration, const Facts& facts, Findings& findings) {
  const std::string where = configuration.where("user");
  if (!facts.broker) {
    return findings.error(where,
                          "There is no user '" + configuration.settings.user +
                              "' on this machine, so the broker does not start as root",
                          "useradd --system --no-create-home --shell /usr/sbin/nologin " +
                              configuration.settings.user);
  }
  if (facts.broker->is_root()) {
    findings.warning(where, "The broker stays root: whoever breaks into it owns the machine",
                     configuration.line("user", "mosquitto"));
  }
  for (const NamedPath& path : paths_of(configuration))
    PathCheck(path, configuration, facts, findings).run();
}

}  // namespace doctor
