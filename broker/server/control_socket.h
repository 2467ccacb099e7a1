// broker/server/control_socket.h
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "broker/core/ids.h"
#include "transport/descriptor.h"

namespace server {

/// The answer to a question.
struct ControlAnswer {
  int exit_status = 0;
  std::string text;  // lines, or JSON
};

/// A question: its name, and further words. None is empty or has a zero byte.
using ControlQuestion = std::vector<std::string_view>;

/// Where `darter --reload -c FILE`, and other commands that ask a running broker, find the broker
/// that FILE started.
///
/// Shape      A SOCK_SEQPACKET socket in the abstract unix namespace. Its name is a hash of the
///            file's canonical path: no option says where it is, nothing is left behind when a
///            broker is killed, and it needs no folder that the broker may write to. A question is
///            one packet, its words with zero bytes between them; the answer is the packets that
///            follow until the broker closes: the exit status as a digit, a line end, and the text.
/// Invariant  Any process can take an abstract name, so both sides check the peer's user
///            (SO_PEERCRED). The broker accepts root, its own user, the user that started it, and
///            the members of a group if one is named.
///            The client accepts the users that it is given, and no other. The broker never waits
///            for a client: at most 8 are connected, for a second each until they have asked, and
///            for ten until they have read the answer. An answer is cut at 4 MiB.
/// Limits     The abstract namespace belongs to the network namespace: two containers that share
///            one and have the same path cannot both have it. SIGHUP works there all the same.
/// Threads    The main thread.
class ControlSocket {
 public:
  using Handler = std::function<ControlAnswer(const ControlQuestion&)>;
  /// A process that asks.
  struct Asker {
    uid_t user = 0;
    std::vector<gid_t> groups;  // all that the process has
  };
  using MayAsk = std::function<bool(const Asker&)>;

  /// Requires  Before privileges are dropped, so that clients see the user that started the broker.
  /// Errors    One sentence, for instance when another process has the name: it says which one.
  [[nodiscard]] static std::expected<ControlSocket, std::string> open(
      const std::string& config_file, MayAsk may_ask = is_root_or_starter());
  ControlSocket() = default;

  /// Root, the user of the process now, and its user at the time of a request.
  [[nodiscard]] static MayAsk is_root_or_starter();
  /// Those, and processes with the group of the name that `group_name` returns at the time of a
  /// request; none if that is empty or names no group.
  [[nodiscard]] static MayAsk is_root_starter_or_in(std::function<std::string()> group_name);

  /// Whether a client is connected: then serve() is due within a second.
  [[nodiscard]] bool waits() const noexcept { return !clients_.empty(); }
  /// Adds the descriptors that serve() waits for.
  void watch(std::vector<pollfd>& polled) const;
  /// Accepts waiting clients, and answers questions that have come: `handle` is called for each.
  void serve(broker::Instant now, const Handler& handle);

 private:
  struct Client {
    transport::Descriptor socket;
    broker::Instant deadline;
    std::string answer;    // empty: it has not asked
    std::size_t sent = 0;  // bytes of the answer
  };
  void accept_some(broker::Instant now);
  /// Goes on with a client; returns whether that is over.
  [[nodiscard]] static bool serve_one(Client& client, broker::Instant now, const Handler& handle);
  /// Sends as much as the socket takes; returns whether that is all, or nothing more can be sent.
  [[nodiscard]] static bool send_some(Client& client);

  transport::Descriptor socket_;  // none: no client can ask
  MayAsk may_ask_;
  std::vector<Client> clients_;
};

/// Whether a broker of that configuration takes questions, of this process or of others.
[[nodiscard]] bool has_broker(const std::string& config_file);

/// Asks the broker of that configuration.
///
/// Requires  `trusted` are the users that may own that broker's process.
/// Errors    One sentence, if there is none, it is somebody else's, or it does not answer.
[[nodiscard]] std::expected<ControlAnswer, std::string> ask_broker(
    const std::string& config_file, const ControlQuestion& question,
    const std::vector<uid_t>& trusted);

/// The users that the broker of that file may run as, even if the file has errors: root, the
/// calling user, and the user that the file names.
[[nodiscard]] std::vector<uid_t> possible_brokers(const std::string& config_file);

}  // namespace server
