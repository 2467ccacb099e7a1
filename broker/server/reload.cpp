#include "broker/server/reload.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "auth/realm.h"
#include "broker/core/text.h"
#include "broker/server/file_access.h"
#include "broker/server/translate.h"
#include "conf/reload.h"

namespace server {
namespace {

using broker::concat;

void add_lines(std::vector<std::string>& errors, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    errors.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// As root at the start more could be opened than now.
void explain_privileges(std::vector<std::string>& errors, const ActiveConfiguration& active) {
  const std::string denied = std::generic_category().message(EACCES);
  const bool any = std::ranges::any_of(
      errors, [&](const std::string& error) { return error.find(denied) != error.npos; });
  if (!any || ::geteuid() == 0) return;
  const std::string& file = active.command_line.config_file;
  if (const auto fault = FileAccess(active.settings).fault_of(file, FileAccess::Content::open)) {
    return errors.push_back(*fault);
  }
  errors.emplace_back(
      "The broker no longer runs as root, if it ever did: what only root may open (ports below "
      "1024, some files) needs a restart.");
}

std::string text_of(const conf::OptionChange& change) {
  const auto shown = [](const std::string& value) -> std::string_view {
    return value.empty() ? "(none)" : std::string_view(value);
  };
  return concat({change.option->name, ": ", shown(change.before), " -> ", shown(change.after)});
}

/// Users of all listeners, each once: most share their files.
void report_users(const std::vector<auth::RealmChange>& changes, ReloadReport& report) {
  std::set<std::string_view> added;
  std::set<std::string_view> removed;
  std::set<std::string_view> changed;
  for (const auth::RealmChange& change : changes) {
    added.insert(change.users_added.begin(), change.users_added.end());
    removed.insert(change.users_gone.begin(), change.users_gone.end());
    std::ranges::set_difference(change.users, change.users_gone,
                                std::inserter(changed, changed.end()));
    report.access_changed = report.access_changed || change.access_changed;
  }
  report.users_added = added.size();
  report.users_removed = removed.size();
  report.users_changed = changed.size();
}

broker::LoginChange login_change_of(const auth::RealmChange& change) {
  broker::LoginChange to;
  to.listener = static_cast<std::uint16_t>(change.realm);
  std::ranges::set_intersection(change.users, change.users_gone, std::back_inserter(to.users_gone));
  std::ranges::set_difference(change.users, change.users_gone,
                              std::back_inserter(to.users_changed));
  to.anonymous_refused = change.anonymous_refused;
  to.unchecked_refused = change.unchecked_refused;
  to.access_changed = change.access_changed;
  return to;
}

/// Clients of a listener that is gone are judged by its files as they are now, or as they were.
void read_realms_of_gone(ListenerSet::Staged& staged) {
  for (std::size_t number = 0; number < staged.entries.size(); ++number) {
    if (staged.opens(number)) continue;
    ListenerEntry& entry = staged.entries[number];
    if (auto realm = auth::Realm::load(entry.configured.realm)) entry.realm = std::move(*realm);
  }
}

}  // namespace

ReloadReport Reload::run() {
  auto prepared = prepare();
  if (prepared) return commit(std::move(*prepared));
  // A log that was rotated is written to all the same.
  parts_.log.reopen();
  explain_privileges(prepared.error(), active_);
  ReloadReport report;
  report.errors = std::move(prepared.error());
  return report;
}

std::expected<Reload::Prepared, Reload::Errors> Reload::prepare() const {
  Errors errors;
  auto configuration = conf::load_configuration(active_.command_line);
  if (!configuration) {
    for (const conf::Diagnostic& each : configuration.error()) errors.push_back(format(each));
    return std::unexpected(std::move(errors));
  }
  Prepared prepared;
  prepared.configuration = std::move(*configuration);
  conf::keep_start_values(prepared.configuration.settings, active_.start,
                          prepared.configuration.written.globals);
  prepared.configured =
      component_options_of(prepared.configuration.settings, active_.open_files_max);
  open_files(prepared, errors);
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return prepared;
}

void Reload::open_files(Prepared& prepared, Errors& errors) const {
  const conf::Settings& settings = prepared.configuration.settings;
  auto realms = LoginService::load(settings);
  if (!realms) add_lines(errors, realms.error());
  auto contexts = Certificates::load(settings);
  if (!contexts) add_lines(errors, contexts.error());
  auto log = LogWriter::prepare(settings.log);
  if (!log) add_lines(errors, log.error());
  if (!errors.empty()) return;
  auto staged = parts_.listeners.stage(
      entries_of(prepared.configured.listeners, std::move(*realms), std::move(*contexts)));
  if (!staged) return add_lines(errors, staged.error());
  auto bridges = parts_.bridges.prepare(settings, number_of_bridges(staged->entries));
  if (!bridges) return add_lines(errors, bridges.error());
  prepared.bridges = std::move(*bridges);
  prepared.log = std::move(*log);
  prepared.staged = std::move(*staged);
  read_realms_of_gone(prepared.staged);
}

void Reload::report_options(const Prepared& prepared, ReloadReport& report) const {
  const conf::Written& read = prepared.configuration.written;
  for (const conf::OptionChange& change :
       conf::changed_options(active_.written.globals, read.globals)) {
    if (change.option->reloadable) report.options.push_back(text_of(change));
  }
  for (const conf::OptionChange& change : conf::changed_options(active_.start, read.globals)) {
    if (!change.option->reloadable) report.need_restart.push_back(text_of(change));
  }
  const auto& before = parts_.listeners.listeners();
  for (std::size_t place = 0; place < prepared.staged.listeners.size(); ++place) {
    const auto& options = prepared.staged.listeners[place]->options();
    const auto old = std::ranges::find_if(
        before, [&](const auto& each) { return same_place(each->options(), options); });
    if (old == before.end()) continue;
    const auto old_place = static_cast<std::size_t>(old - before.begin());
    const auto changes =
        conf::changed_options(active_.written.listeners[old_place], read.listeners[place]);
    if (!changes.empty()) report.listeners_changed.push_back(name_of(options));
    for (const conf::OptionChange& change : changes) {
      report.options.push_back(concat({"listener ", name_of(options), ": ", text_of(change)}));
    }
  }
}

ReloadReport Reload::commit(Prepared prepared) {
  ReloadReport report;
  report_options(prepared, report);
  for (const conf::Diagnostic& remark : prepared.configuration.settings.remarks) {
    if (remark.severity == conf::Severity::warning) report.warnings.push_back(format(remark));
  }
  for (const std::string& warning : LoginService::warnings(prepared.configuration.settings,
                                                           realms_of(prepared.staged.entries))) {
    report.warnings.push_back(concat({"Warning: ", warning}));
  }
  for (const std::string& warning : prepared.bridges.warnings) {
    report.warnings.push_back(concat({"Warning: ", warning}));
  }
  report.need_restart.insert(report.need_restart.end(), prepared.bridges.need_restart.begin(),
                             prepared.bridges.need_restart.end());
  report.listeners_added = prepared.staged.added;
  report.listeners_removed = prepared.staged.removed;

  const ComponentOptions& configured = prepared.configured;
  active_.settings = std::move(prepared.configuration.settings);
  active_.written = std::move(prepared.configuration.written);
  parts_.log.replace(std::move(prepared.log));
  parts_.log.name_listeners(names_of(prepared.staged.listeners));
  const auto changes = parts_.login_service.replace(realms_of(prepared.staged.entries));
  reconfigure_shards(
      {configured.limits, policies_of(prepared.staged.entries), prepared.bridges.shares()});
  parts_.loops.reconfigure(configured.loops, prepared.staged.listeners);
  parts_.listeners.commit(std::move(prepared.staged));
  parts_.admins.replace(parts_.listeners.realm_of_admins());
  report.bridges = parts_.bridges.change(std::move(prepared.bridges), parts_.loops);
  report.certificates_changed = parts_.certificates.renewed();
  report_users(changes, report);
  report.clients_dropped = sweep(changes);
  parts_.memory.set_limit(configured.memory_limit_bytes);
  return report;
}

void Reload::reconfigure_shards(const broker::ShardChange& change) {
  parts_.loops.run_everywhere(
      [&](broker::ShardIndex /*index*/, broker::Shard& shard, broker::Instant now) {
        shard.reconfigure(change, now);
        return false;
      });
}

std::uint64_t Reload::sweep(const std::vector<auth::RealmChange>& changes) {
  std::vector<broker::LoginChange> asked;
  for (const auth::RealmChange& change : changes) {
    auto each = login_change_of(change);
    if (!each.empty()) asked.push_back(std::move(each));
  }
  if (asked.empty()) return 0;
  std::vector<broker::LoginSweep> sweeps(parts_.loops.count());
  parts_.loops.run_everywhere(
      [&](broker::ShardIndex index, broker::Shard& shard, broker::Instant now) {
        return shard.sweep(asked, sweeps[static_cast<std::uint32_t>(index)], now);
      });
  std::uint64_t dropped = 0;
  for (const broker::LoginSweep& each : sweeps) dropped += each.dropped;
  return dropped;
}

}  // namespace server
