// broker/server/certificates.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/server/figures.h"
#include "conf/settings.h"
#include "transport/listener.h"
#include "transport/tls_context.h"

namespace server {

/// The certificates, keys and PSKs of the listeners: loaded, watched and renewed.
///
/// Lifetime   Outlived by the settings and the log.
/// Threads    The main thread.
class Certificates {
 public:
  /// By listener; null for one without TLS.
  using Contexts = std::vector<std::shared_ptr<const transport::TlsContext>>;
  using Listeners = std::vector<std::shared_ptr<transport::Listener>>;
  using Visit = std::function<void(std::string_view port, const CertificateFigures& figures)>;

  /// Reads every file.
  ///
  /// Errors    One line for each listener with files that cannot be used.
  [[nodiscard]] static std::expected<Contexts, std::string> load(const conf::Settings& settings);
  /// Faults, present and near: "Listener 8883: certificate ...". One line each.
  [[nodiscard]] static std::vector<std::string> warnings(const conf::Settings& settings,
                                                         const Contexts& contexts);

  Certificates(const conf::Settings& settings, Contexts contexts, broker::Log& log);

  /// Gives each listener its own, before the loops start.
  void install(Listeners listeners);
  /// Handshakes from now on use these; connections stay as they are. `listeners` are those of the
  /// settings now, in their order.
  ///
  /// Returns   Whether any file is another one than when it was read before.
  bool replace(Listeners listeners, Contexts contexts);
  /// Takes over files that changed, as often as tls_reload_interval says, and warns once a day of
  /// near ends. Unusable files are reported once, and the old ones stay in force.
  void look(broker::Instant now);
  /// Seconds until look() has something to do; 0: never.
  [[nodiscard]] std::int64_t interval_seconds() const {
    return settings_.tls_reload_interval_seconds;
  }
  /// Calls `visit(port, figures)` for each listener with a certificate.
  void for_each_figures(const Visit& visit) const;

 private:
  /// The attributes of a file that change when it is written or replaced.
  struct Mark {
    std::int64_t device = 0;
    std::int64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    bool operator==(const Mark&) const = default;
  };

  [[nodiscard]] std::vector<Mark> marks() const;
  void warn() const;
  bool take(Contexts contexts);

  const conf::Settings& settings_;
  broker::Log& log_;
  Contexts contexts_;
  Listeners listeners_;
  std::vector<Mark> marks_;  // of all files when they were read last
  broker::Instant next_look_;
  broker::Instant next_warning_;
};

}  // namespace server
