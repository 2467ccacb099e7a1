#include "broker/server/doctor/system_checks.h"

#include <algorithm>
#include <string>

namespace doctor {
namespace {

// Besides clients: listening sockets of each loop, the store, logs, and the few that accepting
// leaves free.
constexpr std::uint64_t other_files = 128;
constexpr std::uint64_t many_clients = 50'000;
constexpr std::uint64_t few_files = 4096;
constexpr std::uint64_t systemd_default_hard = 524'288;

std::string text_of(std::uint64_t limit) {
  return limit == Limit::no_limit ? "no limit" : std::to_string(limit);
}

std::uint64_t clients_of(std::uint64_t files) {
  return files <= other_files ? 0 : files - other_files;
}

/// The limit's name, its place, and the way to raise it.
struct OpenFiles {
  std::uint64_t hard = 0;
  std::string where;
  std::string described;
  std::string cure;  // with the number at its end
};

OpenFiles of_unit(const Unit& unit) {
  const bool set = unit.open_files.has_value();
  const Limit limit = set ? *unit.open_files : Limit{.soft = 1024, .hard = systemd_default_hard};
  return {.hard = limit.hard,
          .where = set ? unit.open_files_where : unit.path,
          .described = set ? "The service may open " + text_of(limit.hard) + " files"
                           : "The unit sets no LimitNOFILE, and systemd's default is " +
                                 text_of(limit.hard) + " files",
          .cure = "systemctl edit darter, and under [Service]: LimitNOFILE="};
}

OpenFiles of_shell(const Limit& limit) {
  return {.hard = limit.hard,
          .where = "RLIMIT_NOFILE",
          .described = "A darter that is started from here may open " + text_of(limit.hard) +
                       " files (soft " + text_of(limit.soft) + ", hard " + text_of(limit.hard) +
                       "; it takes the hard limit by itself)",
          .cure = "ulimit -Hn as root, or in /etc/security/limits.conf: * hard nofile "};
}

std::string option_of_clients(const conf::Settings& settings) {
  return settings.global_max_connections >= 0 ? "global_max_connections" : "max_connections";
}

}  // namespace

std::optional<std::uint64_t> clients_max(const conf::Settings& settings) {
  std::optional<std::uint64_t> sum = 0;
  for (const conf::Listener& listener : settings.listeners) {
    if (listener.max_connections < 0) {
      sum.reset();
      break;
    }
    *sum += static_cast<std::uint64_t>(listener.max_connections);
  }
  if (settings.global_max_connections < 0) return sum;
  const auto all = static_cast<std::uint64_t>(settings.global_max_connections);
  return sum ? std::min(*sum, all) : all;
}

void check_open_files(const Configuration& configuration, const Facts& facts, Findings& findings) {
  if (!facts.unit && !facts.open_files) {
    return findings.unknown("RLIMIT_NOFILE", "The limit of open files cannot be read");
  }
  const OpenFiles files = facts.unit ? of_unit(*facts.unit) : of_shell(*facts.open_files);
  const auto wanted = clients_max(configuration.settings);
  const std::uint64_t room = clients_of(files.hard);
  const std::string enough =
      std::to_string(std::max<std::uint64_t>(65'536, wanted ? *wanted + other_files : 0));
  if (wanted && *wanted > room) {
    return findings.warning(
        files.where,
        files.described + ", but '" + option_of_clients(configuration.settings) + "' lets in " +
            std::to_string(*wanted) + " clients: accepting stops at about " + std::to_string(room),
        files.cure + enough);
  }
  const std::string about = ": about " + std::to_string(room) + " clients";
  if (!wanted && files.hard <= few_files) {
    return findings.warning(files.where, files.described + about + ", and nothing else limits them",
                            files.cure + enough);
  }
  if (!wanted && room < many_clients) {
    return findings.notice(files.where, files.described + about, files.cure + enough);
  }
  findings.good(files.where,
                files.described + (wanted ? ", for " + std::to_string(*wanted) + " clients" : ""));
}

void check_backlogs(const Configuration& configuration, const Facts& facts, Findings& findings) {
  const std::string wanted = std::to_string(facts.listen_backlog);
  if (!facts.somaxconn) {
    findings.unknown("net.core.somaxconn", "The limit of listen() cannot be read");
  } else if (*facts.somaxconn < facts.listen_backlog) {
    findings.warning(
        "net.core.somaxconn",
        "The kernel cuts darter's backlog of " + wanted + " to " +
            std::to_string(*facts.somaxconn) +
            ": when more clients than that come back at once, it drops some",
        "sysctl -w net.core.somaxconn=" + wanted + " (and a line of that in /etc/sysctl.d/)");
  } else {
    findings.good("net.core.somaxconn", "The kernel grants darter's backlog of " + wanted);
  }
  if (std::ranges::all_of(configuration.settings.listeners, [](const conf::Listener& each) {
        return !each.unix_socket_path.empty();
      })) {
    return;
  }
  constexpr std::string_view name = "net.ipv4.tcp_max_syn_backlog";
  if (!facts.tcp_max_syn_backlog || !facts.tcp_syncookies) {
    return findings.unknown(std::string(name), "The limit of half-open connections cannot be read");
  }
  const std::string length = std::to_string(*facts.tcp_max_syn_backlog);
  if (*facts.tcp_max_syn_backlog >= facts.listen_backlog) {
    return findings.good(std::string(name),
                         "There is room for " + length + " half-open connections");
  }
  if (*facts.tcp_syncookies != 0) {
    return findings.good(std::string(name), "There is room for " + length +
                                                " half-open connections, and SYN cookies for more");
  }
  findings.warning(std::string(name),
                   "There is room for " + length +
                       " half-open connections and no SYN cookies for more: of clients that come "
                       "back at once, the kernel drops some",
                   "sysctl -w net.ipv4.tcp_syncookies=1 net.ipv4.tcp_max_syn_backlog=" + wanted);
}

}  // namespace doctor
