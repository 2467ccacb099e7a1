// test/doctor/fixture.h
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "broker/server/doctor/examine.h"
#include "conf/detect.h"
#include "conf/load.h"

namespace doctor_test {

/// A machine on which nothing is wrong, seen by root.
inline doctor::Facts healthy_facts() {
  doctor::Facts facts;
  facts.is_root = true;
  facts.broker = doctor::Account{.name = "mosquitto", .uid = 100, .gids = {200}};
  facts.nginx = doctor::Account{.name = "www-data", .uid = 33, .gids = {33}};
  facts.cores = 2;
  facts.open_files = doctor::Limit{.soft = 1024, .hard = 1'000'000};
  facts.somaxconn = 4096;
  facts.tcp_max_syn_backlog = 4096;
  facts.tcp_syncookies = 1;
  facts.local_ports = doctor::Facts::Ports{.first = 32768, .last = 60999};
  facts.users.tried = true;
  facts.listen_backlog = 4096;
  return facts;
}

inline doctor::FileFacts file(std::uint32_t mode, std::uint32_t uid = 100,
                              std::uint32_t gid = 200) {
  doctor::FileFacts facts;
  facts.state = doctor::FileFacts::State::there;
  facts.mode = mode;
  facts.uid = uid;
  facts.gid = gid;
  return facts;
}

inline doctor::FileFacts folder(std::uint32_t mode = 0755, std::uint32_t uid = 0,
                                std::uint32_t gid = 0) {
  doctor::FileFacts facts = file(mode, uid, gid);
  facts.is_folder = true;
  return facts;
}

inline doctor::Configuration configuration(std::string_view text) {
  auto settings = conf::load_text(text, "/etc/darter.conf");
  if (!settings) throw std::runtime_error(conf::format(settings.error().front()));
  doctor::Configuration result;
  result.file = "/etc/darter.conf";
  result.settings = std::move(*settings);
  result.source = conf::read_source(text, result.file);
  result.is_toml = conf::detect_form(text, "test.conf") == conf::FileForm::toml;
  return result;
}

inline conf::NginxConfiguration nginx(std::string_view text) {
  return conf::read_nginx(text, "nginx.conf",
                          [](const std::string&) { return std::vector<conf::NginxFile>{}; });
}

/// "error WHERE: WHAT -> CURE" for each finding that is at least as bad as `least`.
inline std::vector<std::string> lines_of(const std::vector<doctor::Finding>& findings,
                                         doctor::Severity least = doctor::Severity::warning) {
  constexpr std::string_view names[] = {"good", "notice", "unknown", "warning", "error"};
  std::vector<std::string> lines;
  for (const doctor::Finding& each : findings) {
    if (each.severity < least) continue;
    lines.push_back(std::string(names[static_cast<std::size_t>(each.severity)]) + " " + each.where +
                    ": " + each.what + (each.cure.empty() ? "" : " -> " + each.cure));
  }
  return lines;
}

inline bool is_in(std::string_view part, std::string_view text) {
  return text.find(part) != text.npos;
}

}  // namespace doctor_test
