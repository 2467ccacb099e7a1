// broker/server/certificates.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/server/figures.h"
#include "broker/server/listener_set.h"
#include "conf/settings.h"

namespace server {

/// The certificates, keys and PSKs of the listeners: loaded, watched and renewed.
///
/// Shape      load() -> the entries of ListenerSet, which has them -> look() renews them there.
/// Lifetime   Outlived by the settings, the listeners and the log.
/// Threads    The main thread.
class Certificates {
 public:
  using Visit = std::function<void(std::string_view port, const CertificateFigures& figures)>;

  /// Reads every file.
  ///
  /// Errors    One line for each listener with files that cannot be used.
  [[nodiscard]] static std::expected<TlsContexts, std::string> load(const conf::Settings& settings);
  /// Faults, present and near: "Listener 8883: certificate ...". One line each.
  [[nodiscard]] static std::vector<std::string> warnings(const conf::Settings& settings,
                                                         const TlsContexts& contexts);

  Certificates(const conf::Settings& settings, ListenerSet& listeners, broker::Log& log)
      : settings_(settings), log_(log), listeners_(listeners) {}

  /// The listeners have their first contexts, before the loops start.
  void begin();
  /// The listeners have other contexts, by ListenerSet::commit().
  ///
  /// Returns   Whether any file is another one than when it was read before.
  bool renewed();
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
  [[nodiscard]] TlsContexts contexts() const;
  void warn() const;

  const conf::Settings& settings_;
  broker::Log& log_;
  ListenerSet& listeners_;
  std::vector<Mark> marks_;  // of all files when they were read last
  broker::Instant next_look_;
  broker::Instant next_warning_;
};

}  // namespace server
