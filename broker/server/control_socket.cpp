#include "broker/server/control_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <grp.h>
#include <limits.h>
#include <memory>
#include <optional>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "broker/core/siphash.h"
#include "broker/core/text.h"
#include "conf/file.h"
#include "conf/load.h"
#include "conf/settings.h"

namespace server {
namespace {

using broker::concat;
using transport::Descriptor;

constexpr std::size_t clients_max = 8;
constexpr std::int64_t patience_milliseconds = 1000;
constexpr std::int64_t reading_milliseconds_max = 10'000;
// Topics and client identifiers have up to 65,535 bytes each.
constexpr std::size_t question_bytes_max = std::size_t{140} << 10U;
constexpr std::size_t answer_bytes_max = std::size_t{4} << 20U;
constexpr std::size_t packet_bytes_max = std::size_t{64} << 10U;
constexpr time_t answer_seconds_max = 120;

struct Address {
  sockaddr_un value{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&value);
  }
};

/// "\0darter/reload/0123456789abcdef0123456789abcdef"
std::expected<Address, std::string> address_of(const std::string& config_file) {
  const std::unique_ptr<char, decltype(&std::free)> path(::realpath(config_file.c_str(), nullptr),
                                                         &std::free);
  if (path == nullptr) {
    return std::unexpected(
        concat({"Unable to find ", config_file, ": ", std::strerror(errno), "."}));
  }
  // Not secret: that two paths differ is all that is asked.
  constexpr std::uint64_t first[2] = {1, 1};
  constexpr std::uint64_t second[2] = {2, 2};
  char name[64];
  const int length =
      std::snprintf(name, sizeof name, "darter/reload/%016llx%016llx",
                    static_cast<unsigned long long>(broker::siphash(first, path.get())),
                    static_cast<unsigned long long>(broker::siphash(second, path.get())));
  Address address;
  address.value.sun_family = AF_UNIX;
  std::memcpy(address.value.sun_path + 1, name, static_cast<std::size_t>(length));
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1U +
                                        static_cast<std::size_t>(length));
  return address;
}

Descriptor make_socket(int flags) {
  return Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
}

std::string failure(std::string_view what) {
  return concat({what, ": ", std::strerror(errno), "."});
}

/// The process at the other end; of a socket that listens, the one that made it do so.
std::optional<ucred> peer_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer;
}

/// The user and the groups of the process at the other end.
std::optional<ControlSocket::Asker> asker_of(int socket) {
  const auto peer = peer_of(socket);
  if (!peer) return std::nullopt;
  std::vector<gid_t> groups(std::size_t{NGROUPS_MAX});
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) size = 0;
  groups.resize(size / sizeof(gid_t));
  groups.push_back(peer->gid);
  return ControlSocket::Asker{peer->uid, std::move(groups)};
}

/// "user alice, process 123"
std::string describe(const ucred& peer) {
  const passwd* const user = ::getpwuid(peer.uid);
  return concat({"user ", user != nullptr ? user->pw_name : std::to_string(peer.uid), ", process ",
                 std::to_string(peer.pid)});
}

/// " It is taken by user alice, process 123."
std::string describe_holder(const Address& address) {
  const Descriptor socket = make_socket(SOCK_NONBLOCK);
  if (!socket || ::connect(socket.get(), address.get(), address.size) != 0) return "";
  const auto peer = peer_of(socket.get());
  return peer ? concat({" It is taken by ", describe(*peer), "."}) : std::string();
}

/// One packet. A broker that refuses the asker answers at once and closes: then the request cannot
/// be sent, or an error stands in front of the answer.
ssize_t receive_packet(int socket, std::string& packet) {
  const ssize_t count = ::recv(socket, packet.data(), packet.size(), 0);
  if (count >= 0 || errno != ECONNRESET) return count;
  return ::recv(socket, packet.data(), packet.size(), 0);
}

/// The answer as it is sent.
std::string text_of(const ControlAnswer& said) {
  std::string text = concat({std::to_string(said.exit_status), "\n", said.text});
  if (text.size() > answer_bytes_max) text.resize(answer_bytes_max);
  return text;
}

/// The words of a question, which live as long as the packet.
ControlQuestion words_of(std::string_view packet) {
  ControlQuestion words;
  while (!packet.empty()) {
    const std::size_t end = std::min(packet.find('\0'), packet.size());
    if (end > 0) words.push_back(packet.substr(0, end));
    packet.remove_prefix(std::min(end + 1, packet.size()));
  }
  return words;
}

}  // namespace

ControlSocket::MayAsk ControlSocket::is_root_or_starter() {
  return [starter = ::getuid()](const Asker& asker) {
    return asker.user == 0 || asker.user == ::geteuid() || asker.user == starter;
  };
}

ControlSocket::MayAsk ControlSocket::is_root_starter_or_in(
    std::function<std::string()> group_name) {
  return [others = is_root_or_starter(), group_name = std::move(group_name)](const Asker& asker) {
    if (others(asker)) return true;
    const std::string name = group_name();
    const group* const found = name.empty() ? nullptr : ::getgrnam(name.c_str());
    return found != nullptr && std::ranges::find(asker.groups, found->gr_gid) != asker.groups.end();
  };
}

std::expected<ControlSocket, std::string> ControlSocket::open(const std::string& config_file,
                                                              MayAsk may_ask) {
  ControlSocket control;
  if (config_file.empty()) return control;
  const auto address = address_of(config_file);
  if (!address) return std::unexpected(address.error());
  Descriptor socket = make_socket(SOCK_NONBLOCK);
  if (!socket || ::bind(socket.get(), address->get(), address->size) != 0 ||
      ::listen(socket.get(), static_cast<int>(clients_max)) != 0) {
    const bool taken = errno == EADDRINUSE;
    std::string what = failure("'darter --reload' cannot reach this broker, SIGHUP can");
    if (taken) what += describe_holder(*address);
    return std::unexpected(std::move(what));
  }
  control.socket_ = std::move(socket);
  control.may_ask_ = std::move(may_ask);
  return control;
}

void ControlSocket::watch(std::vector<pollfd>& polled) const {
  if (!socket_) return;
  if (clients_.size() < clients_max) polled.push_back({socket_.get(), POLLIN, 0});
  for (const Client& client : clients_) {
    const bool asked = !client.answer.empty();
    polled.push_back({client.socket.get(), static_cast<short>(asked ? POLLOUT : POLLIN), 0});
  }
}

void ControlSocket::accept_some(broker::Instant now) {
  while (socket_ && clients_.size() < clients_max) {
    Descriptor client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    const auto asker = asker_of(client.get());
    if (!asker || !may_ask_(*asker)) {
      const std::string no =
          text_of({1,
                   "Only root, the user of the broker and the members of its control_group may ask "
                   "it.\n"});
      static_cast<void>(::send(client.get(), no.data(), no.size(), MSG_NOSIGNAL));
      continue;
    }
    clients_.push_back({std::move(client), after_milliseconds(now, patience_milliseconds), {}});
  }
}

void ControlSocket::serve(broker::Instant now, const Handler& handle) {
  accept_some(now);
  std::erase_if(clients_, [&](Client& client) { return serve_one(client, now, handle); });
}

bool ControlSocket::serve_one(Client& client, broker::Instant now, const Handler& handle) {
  if (!client.answer.empty()) return send_some(client) || now >= client.deadline;
  std::string packet(question_bytes_max, '\0');
  const ssize_t count = ::recv(client.socket.get(), packet.data(), packet.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return now >= client.deadline;
  if (count <= 0) return true;
  packet.resize(static_cast<std::size_t>(count));
  const ControlQuestion words = words_of(packet);
  if (words.empty()) return true;
  client.answer = text_of(handle(words));
  // From now on: the answer may have taken its time.
  client.deadline = after_milliseconds(now, reading_milliseconds_max);
  return send_some(client);
}

bool ControlSocket::send_some(Client& client) {
  while (client.sent < client.answer.size()) {
    const std::size_t size = std::min(client.answer.size() - client.sent, packet_bytes_max);
    const ssize_t count = ::send(client.socket.get(), client.answer.data() + client.sent, size,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return errno != EAGAIN && errno != EINTR;
    client.sent += static_cast<std::size_t>(count);
  }
  return true;
}

bool has_broker(const std::string& config_file) {
  const auto address = address_of(config_file);
  if (!address) return false;
  const Descriptor socket = make_socket(SOCK_NONBLOCK);
  return socket && ::connect(socket.get(), address->get(), address->size) == 0;
}

std::expected<ControlAnswer, std::string> ask_broker(const std::string& config_file,
                                                     const ControlQuestion& question,
                                                     const std::vector<uid_t>& trusted) {
  const auto address = address_of(config_file);
  if (!address) return std::unexpected(address.error());
  const Descriptor socket = make_socket(0);
  if (!socket) return std::unexpected(failure("Unable to make a socket"));
  const timeval patience{answer_seconds_max, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), address->get(), address->size) != 0) {
    return std::unexpected(concat(
        {"No broker with the configuration ", config_file,
         " can be asked: is it running, with this very file (-c names another), in this network "
         "namespace?"}));
  }
  const auto peer = peer_of(socket.get());
  if (!peer) return std::unexpected(failure("Unable to learn who answers"));
  if (std::ranges::find(trusted, peer->uid) == trusted.end()) {
    constexpr std::string_view distrust =
        "is neither root's, nor yours, nor that of the 'user' of this configuration, so it was not "
        "asked. If it is your broker, run: kill -HUP ";
    return std::unexpected(concat({"The process that answers for ", config_file, " (",
                                   describe(*peer), ") ", distrust, std::to_string(peer->pid)}));
  }
  std::string asked;
  for (const std::string_view word : question) {
    if (!asked.empty()) asked += '\0';
    asked += word;
  }
  if (::send(socket.get(), asked.data(), asked.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE &&
      errno != ECONNRESET) {
    return std::unexpected(failure("The broker cannot be asked"));
  }
  std::string answer;
  std::string packet(packet_bytes_max, '\0');
  ssize_t count = 0;
  while ((count = receive_packet(socket.get(), packet)) > 0) {
    answer.append(packet, 0, static_cast<std::size_t>(count));
  }
  if (count < 0 && answer.empty()) return std::unexpected(failure("The broker did not answer"));
  if (answer.size() < 2) return std::unexpected(std::string("The broker ended without an answer."));
  return ControlAnswer{answer[0] - '0', answer.substr(2)};
}

std::vector<uid_t> possible_brokers(const std::string& config_file) {
  std::vector<uid_t> users = {0, ::geteuid()};
  std::string name = conf::Settings().user;
  if (const auto text = conf::read_file(config_file)) {
    const conf::Source source = conf::read_source(*text, config_file);
    const conf::Entry* const entry = conf::find_entry(source.globals, "user");
    if (entry != nullptr) name = std::get<std::string>(entry->value);
  }
  if (const passwd* const user = ::getpwnam(name.c_str())) users.push_back(user->pw_uid);
  return users;
}

}  // namespace server
