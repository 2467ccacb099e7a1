// broker/server/doctor/facts.h
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace doctor {

/// An account that can own files.
struct Account {
  std::string name;
  std::uint32_t uid = 0;
  std::vector<std::uint32_t> gids;  ///< the first is that of the files that it makes
  std::string group = {};           ///< its name; empty: as the account's

  [[nodiscard]] bool is_root() const noexcept { return uid == 0; }
};

/// A limit of the system; no_limit stands for none.
struct Limit {
  static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

/// The settings of a service's unit of systemd.
struct Unit {
  std::string path;                 ///< of the unit itself
  std::optional<Limit> open_files;  ///< LimitNOFILE
  std::string open_files_where;     ///< FILE:LINE
};

/// How a path looks from the outside.
struct FileFacts {
  enum class State : std::uint8_t {
    there,
    missing,
    hidden,  ///< this process may not look into a folder above it
  };
  State state = State::missing;
  bool is_folder = false;
  bool is_socket = false;
  std::uint32_t mode = 0;  ///< permission bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// The result of reading the files of a listener with the broker's own code.
struct Trial {
  std::vector<std::string> errors;    ///< the broker would not start; one sentence each
  std::vector<std::string> warnings;  ///< certificates that end, and the like
  bool tried = false;
  std::string reason;  ///< why it was not tried
};

/// The facts of the system, gathered once: checks use nothing else.
///
/// Shape      A fact that this process could not learn is empty, or `hidden`.
struct Facts {
  bool is_root = false;           ///< this process is root and sees everything
  std::optional<Account> broker;  ///< the user that the broker runs as; none: there is no such user
  std::optional<Account> nginx;   ///< the user of nginx's workers
  std::uint32_t cores = 1;

  std::optional<Limit> open_files;  ///< of this process
  std::optional<Unit> unit;         ///< darter.service
  std::optional<Unit> nginx_unit;
  std::optional<std::int64_t> somaxconn;
  std::optional<std::int64_t> tcp_max_syn_backlog;
  std::optional<std::int64_t> tcp_syncookies;
  struct Ports {
    std::int64_t first = 0;
    std::int64_t last = 0;
    [[nodiscard]] std::int64_t count() const noexcept { return last - first + 1; }
  };
  std::optional<Ports> local_ports;  ///< net.ipv4.ip_local_port_range

  std::map<std::string, FileFacts, std::less<>> files;  ///< by path, parents too
  std::vector<Trial> tls;                               ///< by listener; empty for one without TLS
  std::map<std::string, Trial> nginx_tls;               ///< by the path of ssl_certificate
  Trial users;                                          ///< password and ACL files
  std::int64_t listen_backlog = 0;                      ///< the one that darter asks for
};

/// Looks at the system; changes nothing and opens no port.
class FactFinder {
 public:
  /// Limits, sysctls and units.
  void look_at_system();
  void look_at_user(const std::string& name, std::optional<Account>& into) const;
  /// The broker's user: if root starts it, the `configured` user or the one that stands in for
  /// it; else the user that starts it.
  void look_at_broker(const std::string& configured);
  /// A path and all folders above it.
  void look_at_file(const std::string& path);

  Facts facts;
};

/// Reads the text of a unit and its drop-ins, in their order of precedence, into `unit`.
///
/// Returns   LimitNOFILE of the last that has one; an empty value sets it back.
void read_unit(std::string_view text, const std::string& file, Unit& unit);

/// "65536", "1024:524288" or "infinity", as LimitNOFILE takes it. None: it cannot be read.
[[nodiscard]] std::optional<Limit> parse_limit(std::string_view text);

/// Whether `account` may do all of `wanted` (4 read, 2 write, 1 search or run) to this file itself,
/// by its mode. Folders above are not looked at.
[[nodiscard]] bool may(const Account& account, const FileFacts& file, std::uint32_t wanted);

/// The first of the folders above `path`, or the file itself, that `reader` may not use; links are
/// followed. Empty: it may read the file, or this process cannot tell.
[[nodiscard]] std::string closed_part(const std::string& path, const Account& reader);

/// The folders above `path`, the root first, then `path`.
[[nodiscard]] std::vector<std::string> path_and_parents(const std::string& path);

}  // namespace doctor
