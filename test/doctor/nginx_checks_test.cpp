#include "broker/server/doctor/nginx_checks.h"

#include <catch2/catch.hpp>

#include "test/doctor/fixture.h"

namespace {

using doctor::Severity;
using doctor_test::configuration;
using doctor_test::file;
using doctor_test::folder;
using doctor_test::healthy_facts;
using doctor_test::is_in;
using doctor_test::lines_of;
using doctor_test::nginx;
using Texts = std::vector<std::string>;

const std::string told_broker =
    "password_file /p\nmax_keepalive 600\nlistener 1883 127.0.0.1\nlistener 9001 127.0.0.1\n"
    "protocol websockets\n";

/// A healthy location; each line can be replaced.
struct Site {
  std::string upgrade = "proxy_set_header Upgrade $http_upgrade;";
  std::string connection = "proxy_set_header Connection $connection_upgrade;";
  std::string client = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
  std::string version = "proxy_http_version 1.1;";
  std::string timeout = "proxy_read_timeout 1h;";
  std::string pass = "proxy_pass http://mqtt;";
  std::string server = "server 127.0.0.1:9001;";
  std::string location = "/mqtt";
  std::string listen = "listen 443 ssl;";
  std::string main = "events { worker_connections 1000; }";
  std::string http = "";
  std::string of_server = "";
  std::string more = "";

  [[nodiscard]] std::string text() const {
    return main + "\nhttp { " + http +
           "\nmap $http_upgrade $connection_upgrade { default upgrade; '' close; }\n"
           "upstream mqtt { " +
           server + " }\nserver { " + listen + of_server + "\nlocation " + location + " {\n" +
           upgrade + "\n" + connection + "\n" + client + "\n" + version + "\n" + timeout + "\n" +
           pass + "\n" + more + "\n}}}\n";
  }
};

Texts examine(const std::string& told, const std::string& of_nginx, const doctor::Facts& facts,
              Severity least = Severity::warning) {
  doctor::Case subject;
  subject.configuration = configuration(told);
  subject.nginx = nginx(of_nginx);
  subject.facts = facts;
  subject.facts.tls.resize(subject.configuration.settings.listeners.size());
  return lines_of(doctor::examine(subject).back().findings, least);
}

Texts examine(const Site& site, const std::string& told = told_broker) {
  return examine(told, site.text(), healthy_facts());
}

/// The one thing that is wrong with this site.
std::string complaint(const Site& site, const std::string& told = told_broker) {
  const Texts lines = examine(site, told);
  CAPTURE(site.text(), lines);
  REQUIRE(lines.size() == 1);
  return lines.front();
}

}  // namespace

TEST_CASE("a healthy site is told what was looked at", "[doctor][nginx]") {
  CHECK(examine(Site{}).empty());
  CHECK(examine(told_broker, Site{}.text(), healthy_facts(), Severity::good).size() > 10);
  Site direct;
  direct.pass = "proxy_pass http://localhost:9001;";
  CHECK(examine(direct).empty());
  direct.connection = "proxy_set_header Connection \"upgrade\";";
  CHECK(examine(direct).empty());
}

TEST_CASE("headers that are lost", "[doctor][nginx]") {
  Site site;
  site.upgrade = "";
  CHECK(is_in("error nginx.conf:6: The Upgrade header is not passed on", complaint(site)));
  CHECK(is_in("-> proxy_set_header Upgrade $http_upgrade;", complaint(site)));
  site = {};
  site.connection = "";
  CHECK(is_in("'Connection: close'", complaint(site)));
  site.connection = "proxy_set_header connection '';";
  CHECK(is_in("error nginx.conf:8: nginx sends no Connection header", complaint(site)));
  site.connection = "proxy_set_header Connection $nobody;";
  CHECK(is_in("Nothing makes the variable $nobody", complaint(site)));
  site = {};
  site.version = "";
  CHECK(is_in("nginx speaks HTTP 1.0", complaint(site)));
  site.version = "proxy_http_version 1.0;";
  CHECK(is_in("warning nginx.conf:10", complaint(site)));
  site.version = "proxy_http_version 2;";
  CHECK(is_in("error nginx.conf:10: nginx speaks HTTP 2", complaint(site)));
  site = {};
  site.client = "";
  CHECK(
      is_in("warning nginx.conf:6: The broker is not told the client's address", complaint(site)));
  site.client = "proxy_set_header X-Forwarded-For $http_x_forwarded_for;";
  CHECK(is_in("perhaps what the client wrote", complaint(site)));
}

TEST_CASE("headers of an outer block hold unless the inner one has its own", "[doctor][nginx]") {
  Site site;
  site.of_server = site.upgrade + site.connection + site.client + site.version + site.timeout;
  site.upgrade = site.connection = site.client = site.version = site.timeout = "";
  CHECK(examine(site).empty());
  site.more = "proxy_set_header Host $host;";
  const Texts lost = examine(site);
  REQUIRE(lost.size() == 3);
  CHECK(is_in("the one at nginx.conf:5 is not inherited", lost.front()));
}

TEST_CASE("timeouts against keepalives", "[doctor][nginx]") {
  Site site;
  site.timeout = "";
  CHECK(is_in("error nginx.conf:12: 'proxy_read_timeout' is 60 s (nginx's default)",
              complaint(site)));
  CHECK(is_in("-> websockets_ping_interval 30 under the listener at /etc/darter.conf:4",
              complaint(site)));
  site.timeout = "proxy_read_timeout 5m;";
  CHECK(
      is_in("warning nginx.conf:11: 'proxy_read_timeout' is 300 s, but clients may have a "
            "keepalive of 600 s (/etc/darter.conf:2)",
            complaint(site)));
  site.timeout = "proxy_read_timeout 601;";
  CHECK(examine(site).empty());
  site.timeout = "";
  CHECK(examine(site, told_broker + "websockets_ping_interval 30\n").empty());
  CHECK(is_in("before the broker's ping comes",
              complaint(site, told_broker + "websockets_ping_interval 60\n")));
  site.timeout = "proxy_read_timeout 1h;";
  const std::string no_limit = "password_file /p\nlistener 9001 127.0.0.1\nprotocol websockets\n";
  CHECK(examine(site, no_limit).empty());
}

TEST_CASE("times and sizes as nginx writes them", "[doctor][nginx]") {
  CHECK(doctor::parse_time({"90"}) == 90);
  CHECK(doctor::parse_time({"90s"}) == 90);
  CHECK(doctor::parse_time({"1h30m"}) == 5400);
  CHECK(doctor::parse_time({"1h 30m"}) == 5400);
  CHECK(doctor::parse_time({"1500ms"}) == 1);
  CHECK(doctor::parse_time({"1d"}) == 86'400);
  for (const char* bad : {"s", "1x", "-1", "99999999999"}) CHECK_FALSE(doctor::parse_time({bad}));
  CHECK_FALSE(doctor::parse_time({}));
  CHECK(doctor::parse_size("8k") == 8192U);
  CHECK(doctor::parse_size("1m") == 1'048'576U);
  CHECK(doctor::parse_size("12") == 12U);
  for (const char* bad : {"", "k", "1g", "-1k"}) CHECK_FALSE(doctor::parse_size(bad));
}

TEST_CASE("a proxy_pass that leads elsewhere", "[doctor][nginx]") {
  Site site;
  site.server = "server 127.0.0.1:9002;";
  const Texts lines = examine(site);
  REQUIRE(lines.size() == 2);
  CHECK(is_in("error nginx.conf:4: The broker does not listen at 127.0.0.1:9002", lines[0]));
  CHECK(is_in("-> in upstream mqtt: server 127.0.0.1:9001;", lines[0]));
  CHECK(is_in("No proxy_pass of nginx leads to Listener 9001", lines[1]));
  site.server = "server 127.0.0.1:1883;";
  CHECK(
      is_in("nginx sends HTTP to 127.0.0.1:1883, where the broker speaks MQTT "
            "(/etc/darter.conf:3)",
            examine(site).front()));
  site.server = "server 127.0.0.1:9001; server 127.0.0.1:9009;";
  CHECK(is_in("does not listen at 127.0.0.1:9009", complaint(site)));
  site.server = "server 127.0.0.2:9001;";
  CHECK(is_in("does not listen at 127.0.0.2:9001", examine(site).front()));
  site = {};
  site.pass = "proxy_pass https://mqtt;";
  CHECK(is_in("nginx speaks TLS to 127.0.0.1:9001, and the listener there", complaint(site)));
  // What leads to another machine, or passes no Upgrade on, is no business of the broker.
  site = {};
  site.pass = "proxy_pass http://192.0.2.1:80;";
  CHECK(examine(site).size() == 1);
  site.upgrade = "";
  site.pass = "proxy_pass http://127.0.0.1:8080;";
  CHECK(examine(site).size() == 1);
  site = {};
  site.pass = "proxy_pass http://$where;";
  CHECK(examine(site).empty());
}

TEST_CASE("a listener at every address, at a name and at a socket", "[doctor][nginx]") {
  const auto at = [](const std::string& to, const std::string& listener) {
    Site site;
    site.pass = "proxy_pass http://" + to + ";";
    const auto proxies = doctor::proxies_of(nginx(site.text()));
    (void)proxies;
    const auto configured = nginx(site.text());
    const auto routes =
        doctor::routes_of(doctor::proxies_of(configured), configuration(listener).settings);
    return routes.size() == 1 && routes.front().listener.has_value();
  };
  CHECK(at("127.0.0.1:5", "listener 5\n"));
  CHECK(at("10.1.1.1:5", "listener 5\n"));
  CHECK(at("[::1]:5", "listener 5 ::1\n"));
  CHECK(at("localhost:5", "listener 5 127.0.0.1\n"));
  CHECK(at("127.0.0.1:5", "listener 5 localhost\n"));
  CHECK_FALSE(at("127.0.0.1:5", "listener 5 ::1\n"));
  CHECK_FALSE(at("127.0.0.1:5", "listener 6\n"));
  CHECK(at("unix:/run/s", "listener 0 /run/s\n"));
  CHECK(at("unix:/run/s:/mqtt", "listener 0 /run/s\n"));
  CHECK_FALSE(at("unix:/run/t", "listener 0 /run/s\n"));
  CHECK(at("127.0.0.1:1883", ""));
}

TEST_CASE("the path that the broker serves", "[doctor][nginx]") {
  const std::string told = told_broker + "http_path /mqtt\n";
  CHECK(examine(Site{}, told).empty());
  Site site;
  site.pass = "proxy_pass http://mqtt/;";
  CHECK(examine(site, told).empty());
  site.pass = "proxy_pass http://mqtt/other;";
  CHECK(
      is_in("The broker answers 404: it serves /mqtt (/etc/darter.conf:6), but requests for "
            "/mqtt arrive as /other",
            complaint(site, told)));
  site = {};
  site.location = "= /ws";
  CHECK(is_in("-> location /mqtt { ... }", complaint(site, told)));
  site.pass = "proxy_pass http://mqtt/mqtt;";
  CHECK(examine(site, told).empty());
  site.location = "~ ^/ws$";
  site.pass = "proxy_pass http://mqtt;";
  CHECK(examine(site, told).empty());
}

TEST_CASE("sizes of headers", "[doctor][nginx]") {
  Site site;
  site.http = "large_client_header_buffers 2 16k;";
  CHECK(is_in("nginx lets headers of 32768 bytes through, the broker takes 8192", complaint(site)));
  CHECK(is_in("or websockets_headers_size 32768 in /etc/darter.conf", complaint(site)));
  CHECK(examine(site, "websockets_headers_size 32768\n" + told_broker).empty());
  site.http = "large_client_header_buffers 8 32k;";
  CHECK_FALSE(is_in("websockets_headers_size 262144", complaint(site)));
  site.more = "proxy_set_header Cookie '';";
  CHECK(examine(site).empty());
}

TEST_CASE("origins", "[doctor][nginx]") {
  Site site;
  site.more = "proxy_set_header Origin '';";
  CHECK(examine(site).empty());
  CHECK(is_in("nginx changes the Origin header",
              complaint(site, told_broker + "websockets_origin https://a.example\n")));
}

TEST_CASE("rates that cut clients that come back together", "[doctor][nginx]") {
  Site site;
  site.http =
      "limit_req_zone $binary_remote_addr zone=a:10m rate=5r/s; "
      "limit_req_zone $server_name zone=b:10m rate=9r/s; limit_conn_zone $server_name zone=c:1m;";
  site.more = "limit_req zone=a burst=10;";
  CHECK(examine(site).empty());
  site.more = "limit_req zone=a;";
  CHECK(is_in("warning nginx.conf:13: Without burst", complaint(site)));
  site.more = "limit_req zone=b burst=10;";
  CHECK(is_in("All clients together may connect at 9r/s", complaint(site)));
  site.more = "limit_conn c 100;";
  CHECK(is_in("All clients together may have 100 connections", complaint(site)));
}

TEST_CASE("a server in front without TLS", "[doctor][nginx]") {
  Site site;
  site.listen = "listen 80;";
  CHECK(is_in("warning nginx.conf:5: nginx takes clients without TLS", complaint(site)));
  site.listen = "";
  CHECK(is_in("without TLS", complaint(site)));
  site.listen = "listen 127.0.0.1:80; listen [::1]:80; listen unix:/x;";
  CHECK(examine(site).empty());
}

TEST_CASE("how many clients fit into nginx", "[doctor][nginx]") {
  Site site;
  const std::string told = "global_max_connections 400\n" + told_broker;
  CHECK(examine(site, told).empty());
  site.main = "";
  CHECK(
      is_in("512 connections each, two for a client: about 256 clients, but the broker is to "
            "have 400",
            complaint(site, told)));
  site.main = "worker_processes auto; events {}";
  CHECK(examine(site, told).empty());
  site.main = "events { worker_connections 5000; }";
  CHECK(is_in("Without worker_rlimit_nofile a worker may open 1024 files", complaint(site)));
  site.main += "worker_rlimit_nofile 4000;";
  CHECK(is_in("A worker may open 4000 files, fewer than its 5000", complaint(site)));
  site.main = "events { worker_connections 5000; } worker_rlimit_nofile 10000;";
  CHECK(examine(site).empty());
}

TEST_CASE("local ports between nginx and the broker", "[doctor][nginx]") {
  Site site;
  site.main = "worker_rlimit_nofile 200000; events { worker_connections 100000; }";
  const std::string told = "global_max_connections 40000\n" + told_broker;
  const std::string line = complaint(site, told);
  CHECK(
      is_in("warning net.ipv4.ip_local_port_range: nginx can have 28232 connections to "
            "127.0.0.1:9001",
            line));
  CHECK(is_in("listener 0 /run/darter/ws.sock", line));
  site.server = "server 127.0.0.1:9001; server 127.0.0.2:9001;";
  CHECK(examine(site,
                "password_file /p\nglobal_max_connections 40000\nmax_keepalive 60\n"
                "listener 9001\nprotocol websockets\n")
            .empty());
  site.server = "server unix:/run/s;";
  CHECK(examine(site,
                "password_file /p\nglobal_max_connections 40000\nmax_keepalive 60\n"
                "listener 0 /run/s\nprotocol websockets\n")
            .empty());
}

TEST_CASE("a unix socket that nginx may not use", "[doctor][nginx]") {
  Site site;
  site.server = "server unix:/run/s;";
  const std::string told =
      "password_file /p\nmax_keepalive 60\nlistener 0 /run/s\nprotocol websockets\n";
  doctor::Facts facts = healthy_facts();
  facts.files["/run/s"] = file(0770);
  const Texts lines = examine(told, site.text(), facts);
  REQUIRE(lines.size() == 1);
  CHECK(is_in("error nginx.conf:4: nginx (user www-data) may not connect to /run/s", lines[0]));
  CHECK(is_in("usermod -aG mosquitto www-data", lines[0]));
  facts.nginx->gids.push_back(200);
  CHECK(examine(told, site.text(), facts).empty());
}

TEST_CASE("a stream in front of the MQTT port", "[doctor][nginx]") {
  const auto stream = [](const std::string& more) {
    return "events {} stream { upstream m { server 127.0.0.1:1883; } server { listen 8883 ssl; " +
           more + " proxy_pass m; } }";
  };
  const std::string told = "password_file /p\nmax_keepalive 500\nlistener 1883 127.0.0.1\n";
  CHECK(examine(told, stream(""), healthy_facts()).empty());
  CHECK(is_in("'proxy_timeout' is 60 s",
              examine(told, stream("proxy_timeout 1m;"), healthy_facts()).at(0)));
  CHECK(is_in("nginx speaks TLS to 127.0.0.1:1883",
              examine(told, stream("proxy_ssl on;"), healthy_facts()).at(0)));
}

TEST_CASE("certificates of nginx", "[doctor][nginx]") {
  Site site;
  site.of_server = "ssl_certificate /c.pem; ssl_certificate_key /k.pem;";
  doctor::Facts facts = healthy_facts();
  facts.nginx_tls["/c.pem"] = {.errors = {}, .warnings = {"ended"}, .tried = true, .reason = {}};
  const Texts lines = examine(told_broker, site.text(), facts);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == "warning nginx.conf:5: ended -> renew it, then: nginx -s reload");
}

TEST_CASE("a part of an nginx configuration, and one with faults", "[doctor][nginx]") {
  const std::string part =
      "server { listen 443 ssl; location / { proxy_pass http://127.0.0.1:9001; "
      "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "
      "upgrade; proxy_set_header X-Forwarded-For $remote_addr; proxy_read_timeout 1h; } }";
  CHECK(examine(told_broker, part, healthy_facts()).empty());
  const Texts unknown = examine(told_broker, part, healthy_facts(), Severity::unknown);
  REQUIRE(unknown.size() == 1);
  CHECK(is_in("this is a part of an nginx configuration", unknown[0]));
  CHECK(is_in("error nginx.conf:1: A block is not closed",
              examine(told_broker, part.substr(0, part.size() - 1), healthy_facts()).at(0)));
}
