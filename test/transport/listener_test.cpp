#include "transport/listener.h"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "test/transport/fixture.h"
#include "transport/peer_address.h"

namespace transport {
namespace {

struct Folder {
  std::string path = std::filesystem::temp_directory_path() / "darter-test-XXXXXX";
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

ListenerOptions unix_options(const std::string& path) {
  ListenerOptions options;
  options.port = 0;
  options.unix_socket_path = path;
  return options;
}

}  // namespace

TEST_CASE("a port is bound exclusively", "[listener]") {
  ListenerOptions options;
  options.port = 0;
  options.address = "127.0.0.1";
  const auto first = Listener::open(options);
  REQUIRE(first.has_value());
  options.port = (*first)->port();
  CHECK(options.port != 0);
  const auto second = Listener::open(options);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error() == "Unable to listen at port " + std::to_string(options.port) +
                              " on 127.0.0.1: Address already in use.");
}

TEST_CASE("a socket that listens already is taken as it is", "[listener]") {
  const Folder folder;
  const std::string path = folder.path + "/socket";
  {
    const auto made = Listener::open(unix_options(path));
    REQUIRE(made.has_value());
    CHECK((*made)->made_file());
    std::vector<Descriptor> passed;
    passed.emplace_back(::dup((*made)->sockets().front()));
    const auto adopted = Listener::adopt(unix_options(path), std::move(passed));
    REQUIRE(adopted.has_value());
    CHECK_FALSE((*adopted)->made_file());
    CHECK((*adopted)->sockets().size() == 1);
    CHECK(std::filesystem::exists(path));
  }
  ListenerOptions options;
  options.port = 0;
  options.address = "127.0.0.1";
  const auto other = Listener::open(options);
  REQUIRE(other.has_value());
  std::vector<Descriptor> passed;
  passed.emplace_back(::dup((*other)->sockets().front()));
  options.port = 8883;  // of the configuration; the socket is bound elsewhere
  const auto adopted = Listener::adopt(options, std::move(passed));
  REQUIRE(adopted.has_value());
  CHECK((*adopted)->port() == (*other)->port());
}

TEST_CASE("a socket that others may share, or that does not listen, is not taken", "[listener]") {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
  const int number = socket.get();
  std::vector<Descriptor> passed;
  passed.push_back(std::move(socket));
  SECTION("it does not listen") {
    const auto adopted = Listener::adopt(ListenerOptions{}, std::move(passed));
    REQUIRE_FALSE(adopted.has_value());
    CHECK(adopted.error().find("does not listen") != std::string::npos);
  }
  SECTION("it can be shared") {
    const int on = 1;
    REQUIRE(::setsockopt(number, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(number, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(number, 1) == 0);
    const auto adopted = Listener::adopt(ListenerOptions{}, std::move(passed));
    REQUIRE_FALSE(adopted.has_value());
    CHECK(adopted.error().find("ReusePort") != std::string::npos);
  }
}

TEST_CASE("an IPv4 client of a socket for both families has its IPv4 address", "[listener]") {
  sockaddr_storage storage{};
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(5);
  REQUIRE(::inet_pton(AF_INET6, "::ffff:192.0.2.1", &address.sin6_addr) == 1);
  std::memcpy(&storage, &address, sizeof address);
  CHECK(PeerAddress(storage).text_with_port() == "192.0.2.1:5");
  REQUIRE(::inet_pton(AF_INET6, "2001:db8::1", &address.sin6_addr) == 1);
  std::memcpy(&storage, &address, sizeof address);
  CHECK(PeerAddress(storage).text() == "2001:db8::1");
}

TEST_CASE("without an address each family gets a socket of one port", "[listener]") {
  ListenerOptions options;
  options.port = 0;
  options.loopback_only = GENERATE(false, true);
  const auto both = Listener::open(options);
  REQUIRE(both.has_value());
  CHECK((*both)->sockets().size() >= 1);
  options.socket_domain = SocketDomain::ipv4;
  const auto one = Listener::open(options);
  REQUIRE(one.has_value());
  CHECK((*one)->sockets().size() == 1);
  Client client((*both)->port());
}

TEST_CASE("what cannot be bound is said in one line", "[listener]") {
  ListenerOptions options;
  options.port = 0;
  options.address = "192.0.2.1";
  const auto elsewhere = Listener::open(options);
  REQUIRE_FALSE(elsewhere.has_value());
  CHECK(elsewhere.error().find("on 192.0.2.1: ") != std::string::npos);
  options.address = "127.0.0.1";
  options.bind_interface = "no-such-device";
  const auto device = Listener::open(options);
  REQUIRE_FALSE(device.has_value());
  CHECK(device.error().find("no-such-device") != std::string::npos);
}

TEST_CASE("a unix socket's file is replaced when nobody answers, and removed", "[listener]") {
  const Folder folder;
  const std::string path = folder.path + "/socket";
  {
    const auto first = Listener::open(unix_options(path));
    REQUIRE(first.has_value());
    CHECK((*first)->port() == 0);
    const auto second = Listener::open(unix_options(path));
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error() ==
          "Unable to listen at unix socket " + path + ": Address already in use.");
    std::filesystem::create_hard_link(path, path + "2");
  }
  CHECK_FALSE(std::filesystem::exists(path));
  // A file that was left behind.
  std::filesystem::rename(path + "2", path);
  const auto third = Listener::open(unix_options(path));
  CHECK(third.has_value());
  std::ofstream(folder.path + "/file") << "not a socket";
  CHECK_FALSE(Listener::open(unix_options(folder.path + "/file")).has_value());
  CHECK(std::filesystem::exists(folder.path + "/file"));
  CHECK_FALSE(Listener::open(unix_options(folder.path + std::string(200, 'x'))).has_value());
}

TEST_CASE("clients come in through a unix socket and move home", "[listener]") {
  const Folder folder;
  TestBroker::Options options;
  options.loops = 3;
  options.mqtt.unix_socket_path = folder.path + "/socket";
  TestBroker broker(std::move(options));
  for (int number = 0; number < 6; ++number) {
    Client client(folder.path + "/socket");
    client.send(connect("unix" + std::to_string(number)) + subscribe("u") + publish("u", "hello"));
    const std::string expected = connack + suback() + publish("u", "hello");
    CHECK(client.receive(expected.size()) == expected);
  }
  CHECK(broker.log().says("New connection from unix on unix socket "));
}

TEST_CASE("files of any size are served beside the WebSocket", "[listener]") {
  const Folder folder;
  std::string content(3'000'000, '\0');
  for (std::size_t at = 0; at < content.size(); ++at) content[at] = static_cast<char>(at * 13);
  std::ofstream(folder.path + "/index.html") << content;
  TestBroker::Options options;
  options.websockets.http_dir = folder.path;
  TestBroker broker(std::move(options));
  Client client(broker.websocket_port());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string head = client.receive_until("\r\n\r\n");
  CHECK(head.find("HTTP/1.1 200 OK\r\n") == 0);
  CHECK(head.find("Content-Length: 3000000\r\n") != std::string::npos);
  CHECK(client.receive(content.size()) == content);
  CHECK(client.receive_all().empty());
  Client other(broker.websocket_port());
  other.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(other.receive_all() == head);
  Client none(broker.websocket_port());
  none.send("GET /../x HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(none.receive_all().find("HTTP/1.1 404 Not Found\r\n") == 0);
  Client websocket(broker.websocket_port());
  websocket.send(upgrade_request());
  CHECK(websocket.receive_until("\r\n\r\n").find("HTTP/1.1 101 ") == 0);
}

}  // namespace transport
