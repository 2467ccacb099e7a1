#include "broker/server/program.h"

#include <csignal>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/server/activated_sockets.h"
#include "broker/server/active_configuration.h"
#include "broker/server/adopt_command.h"
#include "broker/server/ask_command.h"
#include "broker/server/backup_command.h"
#include "broker/server/bridge_set.h"
#include "broker/server/certificates.h"
#include "broker/server/control_socket.h"
#include "broker/server/doctor_command.h"
#include "broker/server/explain_command.h"
#include "broker/server/import.h"
#include "broker/server/lines.h"
#include "broker/server/log_outputs.h"
#include "broker/server/log_queue.h"
#include "broker/server/login_service.h"
#include "broker/server/process.h"
#include "broker/server/server.h"
#include "broker/server/test_config.h"
#include "broker/server/translate.h"
#include "conf/ask_line.h"
#include "conf/command_line.h"
#include "conf/explain_line.h"
#include "conf/file.h"
#include "conf/help.h"
#include "conf/load.h"
#include "conf/sample.h"
#include "transport/descriptor.h"

namespace server {
namespace {

using broker::concat;
using broker::LogType;

int status(conf::ExitCode code) { return static_cast<int>(code); }

/// Through one queue, which waits a second for all of them: a full pipe without a reader must not
/// keep a start from failing.
void print_lines(std::span<const std::string> lines) {
  LogQueue queue(std::make_shared<FileOutput>(STDERR_FILENO, leads_to_journal(STDERR_FILENO)));
  for (const std::string& line : lines) queue.add(LogType::error, {}, line);
}

void print_error(const std::string& text) { print_lines({&text, 1}); }

/// One fault in each line of `faults`.
void print_faults(std::string_view faults) {
  std::vector<std::string> lines;
  for (const std::string_view fault : lines_of(faults)) lines.push_back(concat({"Error: ", fault}));
  print_lines(lines);
}

int report(const conf::Diagnostics& diagnostics) {
  std::vector<std::string> lines;
  lines.reserve(diagnostics.size());
  for (const conf::Diagnostic& diagnostic : diagnostics) lines.push_back(conf::format(diagnostic));
  print_lines(lines);
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

int run_broker(ActiveConfiguration active, std::vector<std::shared_ptr<const auth::Realm>> realms,
               TlsContexts tls) {
  // In the process that was started: its id is in the environment, too.
  auto sockets = ActivatedSockets::receive();
  if (!sockets) {
    print_error("Error: " + sockets.error());
    return status(conf::ExitCode::unusable_listener);
  }
  const bool in_background = active.command_line.daemon;
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
  explain_bus_errors();
  active.open_files_max = raise_open_files_limit();
  const conf::Settings& settings = active.settings;
  // Descriptors that the broker needs come before anything that could take them.
  transport::Descriptor watched(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  const auto room = check_open_files(active.open_files_max, open_files_needed(settings));
  auto desk = Desk::open();
  if (!watched || !desk || !room) {
    print_error(!room  ? "Error: " + room.error()
                : desk ? "Error: Unable to wait for signals."
                       : "Error: " + desk.error());
    return status(conf::ExitCode::unusable_listener);
  }
  prepare_heap(thread_count(settings));

  Server server(std::move(active), std::move(realms), std::move(tls), std::move(watched),
                std::move(*desk));
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

/// `darter --reload`
int reload(const std::string& config_file) {
  const auto answer = ask_broker(config_file, {"reload"}, possible_brokers(config_file));
  if (!answer) {
    print_error(concat({"Error: ", answer.error()}));
    return status(conf::ExitCode::unusable_listener);
  }
  std::FILE* const out = answer->exit_status == 0 ? stdout : stderr;
  std::fwrite(answer->text.data(), 1, answer->text.size(), out);
  return std::fflush(out) == 0 ? answer->exit_status : 1;
}

/// `darter explain`
int run_explain(std::span<const std::string_view> arguments) {
  const auto line = conf::parse_explain_line(arguments);
  if (!line) return report(line.error());
  if (line->help) return print(conf::explain_help_text());
  const auto text = explain(*line);
  if (text) return print(*text);
  print_error(concat({"Error: ", text.error()}));
  return 1;
}

/// Prints the lines of a fault, and returns the exit status.
int report_fault(std::string_view fault, conf::ExitCode code) {
  print_faults(fault);
  return status(code);
}

/// Does the part of the command line that needs its configuration.
int run_configured(const conf::CommandLine& command_line, conf::Configuration configuration) {
  using conf::Action;
  using conf::ExitCode;
  conf::Settings& settings = configuration.settings;
  const Action action = command_line.action;
  if (action == Action::backup) return back_up_store(settings, command_line.backup_file);
  if (action == Action::restore) return restore_store(settings, command_line.backup_file);
  auto realms = LoginService::load(settings);
  if (!realms) return report_fault(realms.error(), ExitCode::bad_configuration);
  auto tls = Certificates::load(settings);
  if (!tls) {
    // As Mosquitto: the configuration itself is good, a listener cannot be opened.
    return report_fault(tls.error(), action == Action::test_config ? ExitCode::bad_configuration
                                                                   : ExitCode::unusable_listener);
  }
  if (action == Action::test_config) {
    const auto bridges = BridgeSet().prepare(settings, 0);
    if (!bridges) return report_fault(bridges.error(), ExitCode::bad_configuration);
    return test_config(command_line, settings, *realms, *tls);
  }
  if (action == Action::import_file) {
    return import_by_hand(settings, std::move(*realms), command_line.import_file);
  }
  ActiveConfiguration active;
  active.command_line = command_line;
  active.start = configuration.written.globals;
  active.settings = std::move(configuration.settings);
  active.written = std::move(configuration.written);
  return run_broker(std::move(active), std::move(*realms), std::move(*tls));
}

}  // namespace

int run(const std::vector<std::string_view>& arguments) {
  if (const auto* const command =
          arguments.empty() ? nullptr : conf::find_ask_command(arguments.front())) {
    const auto line = conf::parse_ask_line(*command, std::span(arguments).subspan(1));
    if (!line) return report(line.error());
    return line->help ? print(conf::ask_help_text(*command)) : run_ask(*line);
  }
  if (!arguments.empty() && arguments.front() == "explain") {
    return run_explain(std::span(arguments).subspan(1));
  }
  const auto command_line = conf::parse_command_line(arguments);
  if (!command_line) return report(command_line.error());
  switch (command_line->action) {
    case conf::Action::help:
      return print(conf::help_text(DARTER_VERSION));
    case conf::Action::version:
      return print(conf::version_text(DARTER_VERSION));
    case conf::Action::sample_config:
      return print(conf::sample_of(command_line->sample_form));
    case conf::Action::doctor:
      return run_doctor(*command_line);
    case conf::Action::doctor_help:
      return print(conf::doctor_help_text());
    case conf::Action::adopt:
      return run_adopt(*command_line);
    case conf::Action::adopt_help:
      return print(conf::adopt_help_text());
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
  return run_configured(*command_line, std::move(*configuration));
}

}  // namespace server
