#include "broker/server/doctor/caller_checks.h"

#include <catch2/catch.hpp>

#include "test/doctor/fixture.h"

namespace {

using Texts = std::vector<std::string>;
using doctor_test::is_in;

const std::string forwarded = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";

/// What is said of callers, of a location of nginx in front of listener 9001 that sets `headers`.
Texts over_http(const std::string& told, const std::string& headers,
                doctor::Severity least = doctor::Severity::warning,
                const std::string& target = "127.0.0.1:9001") {
  const auto configuration = doctor_test::configuration(
      "password_file /p\nlistener 9001 127.0.0.1\nprotocol websockets\n" + told);
  const auto nginx = doctor_test::nginx(
      "events {} http { server { location /mqtt { proxy_set_header Upgrade $http_upgrade; " +
      headers + " proxy_pass http://" + target + "; } } }");
  const auto routes = routes_of(doctor::proxies_of(nginx), configuration.settings);
  doctor::Findings findings;
  for (const auto& route : routes) check_callers(configuration, route, findings);
  return doctor_test::lines_of(findings.all(), least);
}

/// The same of a stream server in front of listener 1883.
Texts over_stream(const std::string& told, const std::string& directives,
                  doctor::Severity least = doctor::Severity::warning) {
  const auto configuration =
      doctor_test::configuration("password_file /p\nlistener 1883 127.0.0.1\n" + told);
  const auto nginx = doctor_test::nginx("events {} stream { server { listen 8883; " + directives +
                                        " proxy_pass 127.0.0.1:1883; } }");
  const auto routes = routes_of(doctor::proxies_of(nginx), configuration.settings);
  doctor::Findings findings;
  for (const auto& route : routes) check_callers(configuration, route, findings);
  return doctor_test::lines_of(findings.all(), least);
}

std::string only(const Texts& lines) {
  CAPTURE(lines);
  REQUIRE(lines.size() == 1);
  return lines.front();
}

}  // namespace

TEST_CASE("both sides have to agree about a PROXY header", "[doctor][callers]") {
  using doctor::Severity;
  CHECK(over_stream("", "").empty());
  CHECK(over_stream("enable_proxy_protocol 1\n", "proxy_protocol on;").empty());
  CHECK(
      is_in("told the client's address",
            only(over_stream("enable_proxy_protocol 1\n", "proxy_protocol on;", Severity::good))));
  CHECK(
      is_in("error nginx.conf:1: nginx sends a PROXY header, which the listener "
            "(/etc/darter.conf:2) takes for a broken packet -> enable_proxy_protocol 1",
            only(over_stream("", "proxy_protocol on;"))));
  CHECK(
      is_in("error /etc/darter.conf:3: The listener waits for a PROXY header that nginx "
            "(nginx.conf:1) does not send",
            only(over_stream("enable_proxy_protocol 1\n", ""))));
  CHECK(is_in("does not send",
              only(over_stream("enable_proxy_protocol 1\n", "proxy_protocol off;"))));
  CHECK(is_in("version 1, the listener takes version 2",
              only(over_stream("enable_proxy_protocol 2\n", "proxy_protocol on;"))));
  CHECK(is_in("nginx has no such header for HTTP",
              only(over_http("enable_proxy_protocol 1\n", forwarded))));
}

TEST_CASE("what an untrusted proxy says is not believed", "[doctor][callers]") {
  CHECK(over_http("", forwarded).empty());
  CHECK(over_http("trusted_proxies 10.0.0.0/8 127.0.0.0/8\n", forwarded).empty());
  CHECK(is_in("not told", only(over_http("trusted_proxies 10.0.0.0/8\n", ""))));
  const std::string line = only(over_http("trusted_proxies 10.0.0.0/8\n", forwarded));
  CHECK(
      is_in("warning /etc/darter.conf:4: nginx comes from 127.0.0.1, which is not among "
            "'trusted_proxies'",
            line));
  CHECK(is_in("-> trusted_proxies 127.0.0.1", line));
  CHECK(is_in("not among", only(over_http("trusted_proxies none\n", forwarded))));
}

TEST_CASE("an untrusted proxy may send no PROXY header", "[doctor][callers]") {
  using doctor::Severity;
  const std::string header = "enable_proxy_protocol 1\n";
  CHECK(
      is_in("error /etc/darter.conf:4: nginx comes from 127.0.0.1, which is not among "
            "'trusted_proxies': the listener closes every connection -> trusted_proxies "
            "127.0.0.1",
            only(over_stream(header + "trusted_proxies 10.0.0.0/8\n", "proxy_protocol on;",
                             Severity::good))));
  CHECK(over_stream(header + "trusted_proxies 127.0.0.1\n", "proxy_protocol on;").empty());
}

TEST_CASE("the header field that nginx writes is the one that is read", "[doctor][callers]") {
  using doctor::Severity;
  const std::string real_ip = "proxy_set_header X-Real-IP $remote_addr;";
  CHECK(is_in("in X-Real-IP",
              only(over_http("real_ip_header X-Real-IP\n", forwarded + real_ip, Severity::good))));
  CHECK(is_in("in X-Forwarded-For", only(over_http("", forwarded + real_ip, Severity::good))));
  CHECK(is_in("in X-Real-IP",
              only(over_http("real_ip_header X-Real-IP\n", real_ip, Severity::good))));
  const std::string line = only(over_http("real_ip_header X-Real-IP\n", forwarded));
  CHECK(
      is_in("warning /etc/darter.conf:4: The broker reads X-Real-IP only, and nginx sets "
            "X-Forwarded-For (nginx.conf:1)",
            line));
  CHECK(is_in("-> real_ip_header X-Forwarded-For", line));
  // nginx takes header fields in any case, the broker's option does not.
  CHECK(is_in(
      "-> real_ip_header X-Real-IP",
      only(over_http("real_ip_header Forwarded\n", "proxy_set_header x-real-ip $remote_addr;"))));
  CHECK(is_in("-> proxy_set_header X-Real-IP $remote_addr;",
              only(over_http("real_ip_header X-Real-IP\n", ""))));
  CHECK(is_in(
      "counts none of them",
      over_http("real_ip_header X-Real-IP\nmax_connections_per_address 5\n", forwarded).back()));
}

TEST_CASE("a field that nginx passes on from clients is warned about", "[doctor][callers]") {
  const std::string real_ip = "proxy_set_header X-Real-IP $remote_addr;";
  const std::string line = only(over_http("", real_ip));
  CHECK(
      is_in("warning nginx.conf:1: nginx sets X-Real-IP only and passes on an X-Forwarded-For that "
            "the client wrote itself",
            line));
  CHECK(is_in("-> real_ip_header X-Real-IP", line));
  CHECK(over_http("real_ip_header X-Real-IP\n", real_ip).empty());
  CHECK(over_http("", real_ip + "proxy_set_header X-Forwarded-For \"\";").empty());
  CHECK(is_in("-> real_ip_header Forwarded",
              only(over_http("", "proxy_set_header Forwarded for=$remote_addr;"))));
}

TEST_CASE("limits by address count clients, not the proxy", "[doctor][callers]") {
  const std::string limit = "max_connections_per_address 5\n";
  CHECK(over_http(limit, forwarded).empty());
  CHECK(is_in("'max_connections_per_address' counts none of them, for nginx is in 'limits_exempt'",
              over_http(limit, "").back()));
  CHECK(over_stream(limit + "max_connection_rate_per_address 5\n", "").size() == 2);
  CHECK(is_in("counts all of them as one", only(over_stream(limit + "limits_exempt none\n", ""))));
  CHECK(is_in("-> proxy_protocol on; in nginx, and enable_proxy_protocol 1 under the listener",
              only(over_stream("max_connection_rate_per_address 5\n", ""))));
  CHECK(is_in("'max_login_failures'", only(over_stream("max_login_failures 3\n", ""))));
  CHECK(over_stream(limit + "enable_proxy_protocol 1\n", "proxy_protocol on;").empty());
  CHECK(over_http(limit + "trusted_proxies 10.0.0.0/8\n", forwarded).size() == 2);
}
