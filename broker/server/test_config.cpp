#include "broker/server/test_config.h"

#include <cstdio>
#include <string>
#include <unistd.h>
#include <utility>

#include "auth/realm.h"
#include "broker/core/text.h"
#include "broker/server/doctor/facts.h"
#include "broker/server/doctor/file_checks.h"
#include "broker/server/login_service.h"
#include "broker/server/translate.h"
#include "conf/file.h"
#include "conf/load.h"

namespace server {
namespace {

using broker::concat;

void print_line(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

/// The same that darter doctor finds, but only about files that the broker makes.
std::vector<doctor::Finding> look_at_made_files(const std::string& file,
                                                const conf::Settings& settings) {
  doctor::Configuration configuration;
  configuration.file = file;
  configuration.settings = settings;
  if (const auto text = conf::read_file(file))
    configuration.source = conf::read_source(*text, file);
  configuration.store_file = store_paths_of(settings).store;
  doctor::FactFinder finder;
  finder.facts.is_root = ::geteuid() == 0;
  finder.look_at_broker(settings.user);
  for (const doctor::NamedPath& each : doctor::paths_of(configuration)) {
    finder.look_at_file(each.path);
  }
  doctor::Findings findings;
  doctor::check_made_files(configuration, finder.facts, findings);
  return std::move(findings).take();
}

}  // namespace

int test_config(const conf::CommandLine& command_line, const conf::Settings& settings,
                const std::vector<std::shared_ptr<const auth::Realm>>& realms,
                const TlsContexts& contexts) {
  for (const conf::Diagnostic& remark : settings.remarks) print_line(conf::format(remark));
  for (const auto& lines :
       {LoginService::warnings(settings, realms), Certificates::warnings(settings, contexts)}) {
    for (const std::string& line : lines) print_line("Warning: " + line);
  }
  conf::ExitCode status = conf::ExitCode::success;
  for (const doctor::Finding& each : look_at_made_files(command_line.config_file, settings)) {
    if (each.severity < doctor::Severity::warning) continue;
    const bool is_error = each.severity == doctor::Severity::error;
    if (is_error) status = conf::ExitCode::bad_configuration;
    print_line(concat({is_error ? "Error: " : "Warning: ", each.what,
                       each.cure.empty() ? "" : "; run: ", each.cure, " (", each.where, ")"}));
  }
  return static_cast<int>(status);
}

}  // namespace server
