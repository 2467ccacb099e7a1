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

/// The answer to `darter --reload`.
struct ControlAnswer {
  int exit_status = 0;
  std::string text;  // lines
};

/// Where `darter --reload -c FILE` finds the broker that FILE started.
///
/// Shape      A SOCK_SEQPACKET socket in the abstract unix namespace. Its name is a hash of the
///            file's canonical path: no option says where it is, nothing is left behind when a
///            broker is killed, and it needs no folder that the broker may write to. A request is
///            one packet, "reload"; the answer is another: the exit status as a digit, a line end,
///            and the text.
/// Invariant  Any process can take an abstract name, so both sides check the peer's user
///            (SO_PEERCRED). The broker accepts root, its own user and the user that started it.
///            The client accepts the users that it is given, and no other. The broker never waits
///            for a client: at most 8 are connected, for a second each.
/// Limits     The abstract namespace belongs to the network namespace: two containers that share
///            one and have the same path cannot both have it. SIGHUP works there all the same.
/// Threads    The main thread.
class ControlSocket {
 public:
  using Handler = std::function<ControlAnswer()>;
  using MayAsk = std::function<bool(uid_t)>;

  /// Requires  Before privileges are dropped, so that clients see the user that started the broker.
  /// Errors    One sentence, for instance when another process has the name: it says which one.
  [[nodiscard]] static std::expected<ControlSocket, std::string> open(
      const std::string& config_file, MayAsk may_ask = is_root_or_starter());
  ControlSocket() = default;

  /// Root, the user of the process now, and its user at the time of a request.
  [[nodiscard]] static MayAsk is_root_or_starter();

  /// Whether a client is connected that has sent no request: then serve() is due within a second.
  [[nodiscard]] bool waits() const noexcept { return !clients_.empty(); }
  /// Adds the descriptors that serve() waits for.
  void watch(std::vector<pollfd>& polled) const;
  /// Accepts waiting clients, and answers requests that have come: `reload` is called for each.
  void serve(broker::Instant now, const Handler& reload);

 private:
  struct Client {
    transport::Descriptor socket;
    broker::Instant deadline;
  };
  void accept_some(broker::Instant now);

  transport::Descriptor socket_;  // none: no client can ask
  MayAsk may_ask_;
  std::vector<Client> clients_;
};

/// Asks the broker of that configuration to reload.
///
/// Requires  `trusted` are the users that may own that broker's process.
/// Errors    One sentence, if there is none, it is somebody else's, or it does not answer.
[[nodiscard]] std::expected<ControlAnswer, std::string> ask_to_reload(
    const std::string& config_file, const std::vector<uid_t>& trusted);

}  // namespace server
