#include "broker/server/doctor/facts.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/file.h"

namespace doctor {
namespace {

namespace fs = std::filesystem;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> sysctl(const std::string& path) {
  const auto text = conf::read_file("/proc/sys/" + path);
  return text ? number_of<std::int64_t>(trimmed(*text)) : std::nullopt;
}

std::optional<Facts::Ports> local_ports() {
  const auto text = conf::read_file("/proc/sys/net/ipv4/ip_local_port_range");
  if (!text) return std::nullopt;
  const std::string_view whole = trimmed(*text);
  const auto blank = whole.find_first_of(" \t");
  if (blank == whole.npos) return std::nullopt;
  const auto first = number_of<std::int64_t>(whole.substr(0, blank));
  const auto last = number_of<std::int64_t>(trimmed(whole.substr(blank)));
  if (!first || !last) return std::nullopt;
  return Facts::Ports{.first = *first, .last = *last};
}

std::optional<Limit> limit_here() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  const auto value = [](rlim_t number) {
    return number == RLIM_INFINITY ? Limit::no_limit : static_cast<std::uint64_t>(number);
  };
  return Limit{.soft = value(limit.rlim_cur), .hard = value(limit.rlim_max)};
}

std::uint32_t usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return static_cast<std::uint32_t>(CPU_COUNT(&cores));
}

/// In the order in which systemd prefers them.
constexpr auto unit_folders = std::to_array<std::string_view>(
    {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
     "/lib/systemd/system", "/usr/lib/systemd/system"});

/// Drop-ins of all folders count, in the order of their names.
std::vector<std::string> drop_ins_of(const std::string& name) {
  constexpr auto endings = std::to_array<std::string_view>({".conf"});
  std::map<std::string, std::string> by_name;
  for (const std::string_view folder : unit_folders) {
    const auto files = conf::conf_files_of(std::string(folder) + "/" + name + ".d", endings);
    if (!files) continue;
    for (const std::string& file : *files) by_name.emplace(fs::path(file).filename(), file);
  }
  std::vector<std::string> paths;
  paths.reserve(by_name.size());
  for (const auto& [file_name, path] : by_name) paths.push_back(path);
  return paths;
}

std::optional<Unit> find_unit(const std::string& name) {
  for (const std::string_view folder : unit_folders) {
    const std::string path = std::string(folder) + "/" + name;
    const auto text = conf::read_file(path);
    if (!text) continue;
    Unit unit{.path = path, .open_files = {}, .open_files_where = {}};
    read_unit(*text, path, unit);
    for (const std::string& drop_in : drop_ins_of(name)) {
      if (const auto more = conf::read_file(drop_in)) read_unit(*more, drop_in, unit);
    }
    return unit;
  }
  return std::nullopt;
}

FileFacts facts_of(const std::string& path) {
  FileFacts facts;
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    facts.state = errno == EACCES ? FileFacts::State::hidden : FileFacts::State::missing;
    return facts;
  }
  facts.state = FileFacts::State::there;
  facts.is_folder = S_ISDIR(status.st_mode);
  facts.is_socket = S_ISSOCK(status.st_mode);
  facts.mode = status.st_mode & 07777U;
  facts.uid = status.st_uid;
  facts.gid = status.st_gid;
  return facts;
}

}  // namespace

std::optional<Limit> parse_limit(std::string_view text) {
  const auto one = [](std::string_view word) {
    return word == "infinity" ? std::optional(Limit::no_limit) : number_of<std::uint64_t>(word);
  };
  const auto colon = text.find(':');
  const auto soft = one(text.substr(0, colon));
  const auto hard = colon == text.npos ? soft : one(text.substr(colon + 1));
  if (!soft || !hard) return std::nullopt;
  return Limit{.soft = *soft, .hard = *hard};
}

void read_unit(std::string_view text, const std::string& file, Unit& unit) {
  constexpr std::string_view name = "LimitNOFILE";
  for (int line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view whole = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = whole.find('=');
    if (equals == whole.npos || trimmed(whole.substr(0, equals)) != name) continue;
    unit.open_files = parse_limit(trimmed(whole.substr(equals + 1)));
    unit.open_files_where = file + ":" + std::to_string(line);
  }
}

bool may(const Account& account, const FileFacts& file, std::uint32_t wanted) {
  if (account.is_root()) return true;
  std::uint32_t granted = file.mode & 7U;
  if (account.uid == file.uid) {
    granted = file.mode >> 6U & 7U;
  } else if (std::ranges::find(account.gids, file.gid) != account.gids.end()) {
    granted = file.mode >> 3U & 7U;
  }
  return (granted & wanted) == wanted;
}

std::string closed_part(const std::string& path, const Account& reader) {
  constexpr std::uint32_t to_read = 4;
  constexpr std::uint32_t to_search = 1;
  std::error_code error;
  const std::string target = fs::canonical(path, error).string();
  for (const std::string& way : {target, path}) {
    if (way.empty()) continue;
    for (const std::string& part : path_and_parents(way)) {
      const FileFacts facts = facts_of(part);
      if (facts.state != FileFacts::State::there) break;
      // A link is as its target is.
      if (!facts.is_folder && way != target) continue;
      if (!may(reader, facts, facts.is_folder ? to_search : to_read)) return part;
    }
  }
  return {};
}

std::vector<std::string> path_and_parents(const std::string& path) {
  std::vector<std::string> paths;
  std::error_code error;
  const fs::path whole = fs::absolute(path, error).lexically_normal();
  for (fs::path each = whole; !each.empty(); each = each.parent_path()) {
    if (each.has_filename() || each == each.root_path()) paths.push_back(each.string());
    if (each == each.root_path()) break;
  }
  std::ranges::reverse(paths);
  return paths;
}

void FactFinder::look_at_system() {
  facts.is_root = ::geteuid() == 0;
  facts.cores = usable_cores();
  facts.open_files = limit_here();
  facts.unit = find_unit("darter.service");
  facts.nginx_unit = find_unit("nginx.service");
  facts.somaxconn = sysctl("net/core/somaxconn");
  facts.tcp_max_syn_backlog = sysctl("net/ipv4/tcp_max_syn_backlog");
  facts.tcp_syncookies = sysctl("net/ipv4/tcp_syncookies");
  facts.local_ports = local_ports();
}

void FactFinder::look_at_user(const std::string& name, std::optional<Account>& into) const {
  const passwd* const entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return;
  Account account{.name = name, .uid = entry->pw_uid, .gids = {entry->pw_gid}};
  if (const group* const own = ::getgrgid(entry->pw_gid)) account.group = own->gr_name;
  std::array<gid_t, 256> groups{};
  int count = static_cast<int>(groups.size());
  if (::getgrouplist(name.c_str(), entry->pw_gid, groups.data(), &count) >= 0) {
    account.gids.insert(account.gids.end(), groups.begin(), groups.begin() + count);
  }
  into = std::move(account);
}

void FactFinder::look_at_broker(const std::string& configured) {
  if (facts.is_root || facts.unit) {
    look_at_user(configured, facts.broker);
    if (!facts.broker && configured == "mosquitto") look_at_user("nobody", facts.broker);
    return;
  }
  const passwd* const entry = ::getpwuid(::geteuid());
  if (entry != nullptr) look_at_user(entry->pw_name, facts.broker);
}

void FactFinder::look_at_file(const std::string& path) {
  for (const std::string& each : path_and_parents(path)) {
    if (!facts.files.contains(each)) facts.files.emplace(each, facts_of(each));
  }
}

}  // namespace doctor
