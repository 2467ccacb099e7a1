#include "broker/server/doctor_command.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/server/certificates.h"
#include "broker/server/doctor/examine.h"
#include "broker/server/doctor/file_checks.h"
#include "broker/server/doctor/nginx_checks.h"
#include "broker/server/doctor/report.h"
#include "broker/server/doctor/routes.h"
#include "broker/server/lines.h"
#include "broker/server/login_service.h"
#include "broker/server/translate.h"
#include "conf/detect.h"
#include "conf/file.h"
#include "conf/load.h"
#include "transport/listener.h"

namespace server {
namespace {

using broker::concat;
using doctor::Trial;

constexpr std::string_view usual_nginx_file = "/etc/nginx/nginx.conf";

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int refuse(const conf::Diagnostics& diagnostics) {
  for (const conf::Diagnostic& each : diagnostics) {
    std::fprintf(stderr, "%s\n", conf::format(each).c_str());
  }
  std::fputs("Nothing else was looked at.\n", stderr);
  return static_cast<int>(conf::ExitCode::bad_configuration);
}

/// A sentence of another part, without its full stop.
std::string without_stop(std::string line) {
  if (line.ends_with('.')) line.pop_back();
  return line;
}

/// Why files cannot be tried by this process; empty: they can.
std::string blocker_of(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (path.empty() || ::access(path.c_str(), R_OK) == 0) continue;
    return concat({path, ": ", std::strerror(errno)});
  }
  return {};
}

/// Gathers everything; see Case.
class Anamnesis {
 public:
  explicit Anamnesis(doctor::Case& subject) : case_(subject) {}

  void take();

 private:
  void files();
  void tls();
  void passwords();
  void nginx();
  void nginx_certificate(const doctor::CertificatePair& pair);
  [[nodiscard]] const conf::Settings& settings() const { return case_.configuration.settings; }

  doctor::Case& case_;
  doctor::FactFinder finder_;
};

void Anamnesis::files() {
  for (const doctor::NamedPath& each : doctor::paths_of(case_.configuration)) {
    finder_.look_at_file(each.path);
  }
}

void Anamnesis::tls() {
  for (const conf::Listener& listener : settings().listeners) {
    Trial& trial = finder_.facts.tls.emplace_back();
    if (!listener.tls.is_on()) continue;
    std::vector<std::string> paths = listener.tls.certfiles;
    paths.insert(paths.end(), listener.tls.keyfiles.begin(), listener.tls.keyfiles.end());
    if (!listener.tls.psk_hint.empty()) paths.push_back(listener.security.psk_file);
    trial.reason = blocker_of(paths);
    if (!trial.reason.empty()) continue;
    conf::Settings alone = settings();
    alone.listeners = {listener};
    trial.tried = true;
    const auto contexts = Certificates::load(alone);
    if (!contexts) {
      for (const std::string_view line : lines_of(contexts.error())) {
        trial.errors.push_back(without_stop(std::string(line)));
      }
      continue;
    }
    for (std::string& line : Certificates::warnings(alone, *contexts)) {
      trial.warnings.push_back(without_stop(std::move(line)));
    }
  }
}

void Anamnesis::passwords() {
  std::vector<std::string> paths;
  for (const conf::Listener& listener : settings().listeners) {
    paths.push_back(listener.security.password_file);
    paths.push_back(listener.security.acl_file);
    if (listener.protocol == conf::Protocol::http) paths.push_back(settings().admin_file);
  }
  Trial& trial = finder_.facts.users;
  trial.reason = blocker_of(paths);
  if (!trial.reason.empty()) return;
  trial.tried = true;
  const auto realms = LoginService::load(settings());
  if (!realms) {
    for (const std::string_view line : lines_of(realms.error())) trial.errors.emplace_back(line);
    return;
  }
  // The files themselves are looked at elsewhere.
  conf::Settings settings_alone = settings();
  settings_alone.listeners.clear();
  trial.warnings = LoginService::warnings(settings_alone, *realms);
}

void Anamnesis::nginx_certificate(const doctor::CertificatePair& pair) {
  const std::filesystem::path folder =
      std::filesystem::path(case_.nginx->files.front()).parent_path();
  transport::TlsOptions options;
  options.certificates.push_back({folder / pair.certificate, folder / pair.key});
  Trial& trial = finder_.facts.nginx_tls[pair.certificate];
  const auto& files = options.certificates.front();
  trial.reason = blocker_of({files.certificate_file, files.key_file});
  if (!trial.reason.empty()) return;
  trial.tried = true;
  const auto context = transport::TlsContext::load(options, transport::Protocol::websockets);
  if (context) {
    trial.warnings = (*context)->warnings(std::time(nullptr));
  } else {
    trial.errors.push_back(context.error());
  }
}

void Anamnesis::nginx() {
  if (!case_.nginx) return;
  const auto routes = doctor::routes_of(doctor::proxies_of(*case_.nginx), settings());
  for (const doctor::Route& route : routes) {
    if (!route.target->path.empty()) finder_.look_at_file(route.target->path);
  }
  for (const doctor::CertificatePair& pair : doctor::front_certificates(routes)) {
    nginx_certificate(pair);
  }
  const auto user = std::ranges::find(case_.nginx->directives, "user", &conf::NginxDirective::name);
  const bool named = user != case_.nginx->directives.end() && !user->words.empty();
  finder_.look_at_user(named ? user->words.front() : "www-data", finder_.facts.nginx);
}

void Anamnesis::take() {
  finder_.look_at_system();
  finder_.facts.listen_backlog = transport::Listener::backlog;
  finder_.look_at_broker(settings().user);
  files();
  tls();
  passwords();
  nginx();
  case_.facts = std::move(finder_.facts);
}

/// Errors    nginx's configuration was asked for and cannot be read.
std::expected<void, std::string> read_nginx(const std::string& path, doctor::Case& subject) {
  const std::string file = path.empty() ? std::string(usual_nginx_file) : path;
  auto nginx = conf::read_nginx_file(file);
  if (nginx) {
    subject.nginx = std::move(*nginx);
    return {};
  }
  if (!path.empty()) return std::unexpected(nginx.error());
  subject.nginx_missing = ::access(file.c_str(), F_OK) == 0
                              ? concat({file, " is there, but cannot be read by this user"})
                              : concat({"There is no ", file});
  return {};
}

std::string heading_of(const doctor::Case& subject) {
  std::string text = concat({"darter doctor: ", subject.configuration.file});
  if (subject.nginx) {
    text += concat({", ", subject.nginx->files.front()});
    const std::size_t more = subject.nginx->files.size() - 1;
    if (more > 0) text += concat({" and ", std::to_string(more), " files that it includes"});
  }
  if (subject.facts.broker) text += concat({"; the broker's user is ", subject.facts.broker->name});
  return text + "\n\n";
}

}  // namespace

int run_doctor(const conf::CommandLine& command_line) {
  doctor::Case subject;
  doctor::Configuration& configuration = subject.configuration;
  configuration.file = command_line.config_file;
  const auto text = conf::read_file(configuration.file);
  if (!text)
    return refuse(
        {{.severity = conf::Severity::error, .file = {}, .line = 0, .text = text.error()}});
  auto settings = conf::load_text(*text, configuration.file);
  if (!settings) return refuse(settings.error());
  configuration.settings = std::move(*settings);
  configuration.source = conf::read_source(*text, configuration.file);
  configuration.is_toml = conf::detect_form(*text, configuration.file) == conf::FileForm::toml;
  configuration.store_file = store_paths_of(configuration.settings).store;
  if (const auto read = read_nginx(command_line.nginx_file, subject); !read) {
    return refuse(
        {{.severity = conf::Severity::error, .file = {}, .line = 0, .text = read.error()}});
  }
  Anamnesis(subject).take();
  const auto chapters = doctor::examine(subject);
  print(heading_of(subject) + doctor::report(chapters));
  return doctor::status_of(doctor::count(chapters));
}

}  // namespace server
