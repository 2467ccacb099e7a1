#include "broker/server/certificates.h"

#include <ctime>
#include <optional>
#include <sys/stat.h>
#include <utility>

#include "broker/core/text.h"
#include "broker/server/file_access.h"
#include "broker/server/lines.h"
#include "broker/server/translate.h"

namespace server {
namespace {

using broker::concat;
using broker::LogType;

constexpr std::int64_t day_seconds = 86'400;

/// "Listener 8883" or "Listener /run/mqtt.sock"
std::string name_of(const conf::Listener& listener) {
  return concat({"Listener ",
                 listener.port != 0 ? std::to_string(listener.port) : listener.unix_socket_path});
}

std::vector<std::string> secrets_of(const conf::Listener& listener) {
  std::vector<std::string> paths = listener.tls.keyfiles;
  if (!listener.tls.psk_hint.empty()) paths.push_back(listener.security.psk_file);
  return paths;
}

/// Whether the files can be read is asked before: then the error has the command that mends it.
std::optional<std::string> access_fault_of(const conf::Listener& listener,
                                           const FileAccess& access) {
  using Content = FileAccess::Content;
  for (const std::string& path : secrets_of(listener)) {
    if (auto fault = access.fault_of(path, Content::secret)) return fault;
  }
  std::vector<std::string> paths = listener.tls.certfiles;
  paths.insert(paths.end(), listener.tls.ocsp_files.begin(), listener.tls.ocsp_files.end());
  paths.push_back(listener.tls.cafile);
  paths.push_back(listener.tls.crlfile);
  for (const std::string& path : paths) {
    if (path.empty()) continue;
    if (auto fault = access.fault_of(path, Content::open)) return fault;
  }
  return std::nullopt;
}

}  // namespace

std::expected<TlsContexts, std::string> Certificates::load(const conf::Settings& settings) {
  TlsContexts contexts;
  std::string faults;
  const FileAccess access(settings);
  for (const conf::Listener& listener : settings.listeners) {
    contexts.emplace_back();
    if (!listener.tls.is_on()) continue;
    if (const auto fault = access_fault_of(listener, access)) {
      if (!faults.empty()) faults += '\n';
      faults += concat({name_of(listener), ": ", *fault});
      continue;
    }
    auto context =
        transport::TlsContext::load(tls_options_of(settings, listener), protocol_of(listener));
    if (context) {
      contexts.back() = std::move(*context);
      continue;
    }
    if (!faults.empty()) faults += '\n';
    faults += concat({name_of(listener), ": ", context.error(), "."});
  }
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return contexts;
}

std::vector<std::string> Certificates::warnings(const conf::Settings& settings,
                                                const TlsContexts& contexts) {
  std::vector<std::string> lines;
  const FileAccess access(settings);
  for (std::size_t i = 0; i < contexts.size(); ++i) {
    if (contexts[i] == nullptr) continue;
    for (const std::string& path : secrets_of(settings.listeners[i])) {
      const auto warning = access.warning_of(path);
      if (warning) lines.push_back(concat({name_of(settings.listeners[i]), ": ", *warning}));
    }
    for (const std::string& warning : contexts[i]->warnings(std::time(nullptr))) {
      lines.push_back(concat({name_of(settings.listeners[i]), ": ", warning, "."}));
    }
  }
  return lines;
}

void Certificates::begin() {
  if (!settings_.tls_keylog_file.empty()) {
    log_.write_event(LogType::warning, {.event = broker::Event::configuration_warning},
                     concat({"Warning: TLS secrets are written to ", settings_.tls_keylog_file,
                             ": whoever has that file can read what clients send."}));
  }
  renewed();
}

bool Certificates::renewed() {
  auto seen = marks();
  const bool changed = seen != marks_;
  marks_ = std::move(seen);
  warn();
  next_warning_ = {};  // set by the next look()
  return changed;
}

void Certificates::look(broker::Instant now) {
  if (next_warning_ == broker::Instant{}) {
    next_warning_ = broker::after_seconds(now, day_seconds);
  } else if (now >= next_warning_) {
    next_warning_ = broker::after_seconds(now, day_seconds);
    warn();
  }
  if (interval_seconds() == 0 || now < next_look_) return;
  next_look_ = broker::after_seconds(now, interval_seconds());
  auto seen = marks();
  if (seen == marks_) return;
  marks_ = std::move(seen);
  auto contexts = load(settings_);
  if (!contexts) {
    for (const std::string_view fault : lines_of(contexts.error())) {
      log_.write_event(LogType::error, {.event = broker::Event::certificates_refused},
                       concat({"Changed certificates cannot be used, the old ones stay: ", fault}));
    }
    return;
  }
  listeners_.renew_tls(std::move(*contexts));
  renewed();
  log_.write_event(LogType::notice, {.event = broker::Event::certificates_renewed},
                   "Certificates and keys changed on disk: taken over.");
}

void Certificates::for_each_figures(const Visit& visit) const {
  for (const auto& listener : listeners_.listeners()) {
    const auto& context = listeners_.entry_of(*listener).tls;
    const auto ends = context == nullptr ? std::nullopt : context->ends();
    if (!ends) continue;
    visit(std::to_string(listener->port()), {*ends, (*ends - std::time(nullptr)) / day_seconds});
  }
}

TlsContexts Certificates::contexts() const {
  TlsContexts contexts;
  for (const auto& listener : listeners_.listeners()) {
    contexts.push_back(listeners_.entry_of(*listener).tls);
  }
  return contexts;
}

std::vector<Certificates::Mark> Certificates::marks() const {
  std::vector<Mark> marks;
  for (const auto& context : contexts()) {
    if (context == nullptr) continue;
    for (const std::string& file : context->files()) {
      struct stat status{};
      Mark& mark = marks.emplace_back();
      if (::stat(file.c_str(), &status) != 0) continue;  // it is gone: that is a change too
      mark = {static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
              status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
    }
  }
  return marks;
}

void Certificates::warn() const {
  for (const std::string& line : warnings(settings_, contexts())) {
    log_.write_event(LogType::warning, {.event = broker::Event::certificate_warning},
                     concat({"Warning: ", line}));
  }
}

}  // namespace server
