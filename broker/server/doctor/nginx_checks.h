// broker/server/doctor/nginx_checks.h
#pragma once

#include <vector>

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/facts.h"
#include "broker/server/doctor/finding.h"
#include "broker/server/doctor/routes.h"

namespace doctor {

/// worker_connections, worker_processes and worker_rlimit_nofile: how many clients fit.
void check_workers(const Configuration& configuration, const conf::NginxConfiguration& nginx,
                   const Facts& facts, Findings& findings);

/// Each connection from nginx to the same address and port takes a port of its own.
void check_local_ports(const Configuration& configuration, const std::vector<Route>& routes,
                       const Facts& facts, Findings& findings);

/// May nginx connect to the unix sockets that it is to use?
void check_sockets(const Configuration& configuration, const std::vector<Route>& routes,
                   const Facts& facts, Findings& findings);

/// The certificates of the servers in front.
void check_front_certificates(const std::vector<Route>& routes, const Facts& facts,
                              Findings& findings);

/// Paths of certificate and key of the server that a route belongs to, without variables.
struct CertificatePair {
  std::string certificate;
  std::string key;
  std::string where;
};
[[nodiscard]] std::vector<CertificatePair> front_certificates(const std::vector<Route>& routes);

}  // namespace doctor
