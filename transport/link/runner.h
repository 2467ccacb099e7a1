// transport/link/runner.h
#pragma once

#include <memory>
#include <optional>

#include "broker/client/client.h"
#include "broker/core/ids.h"
#include "transport/link/link.h"

namespace transport {

/// Runs one client over its link, for programs that wait: a loop of its own, and a call that
/// returns the next event.
///
///   ClientRunner runner(std::move(client_options), std::move(link_options));
///   runner.client().start(runner.now());
///   while (const auto event = runner.next(deadline)) …
///
/// Shape      It answers the client's Open with a connection, gives it the bytes that come, and
///            writes its output. On Disconnected it writes the rest and ends the connection.
/// Invariant  now() is the clock of all its calls: milliseconds of the monotonic clock.
/// Threads    One; interrupt() is for any, and for signal handlers.
class ClientRunner {
 public:
  ClientRunner(client::Options client, LinkOptions link);
  ~ClientRunner();
  ClientRunner(const ClientRunner&) = delete;
  ClientRunner& operator=(const ClientRunner&) = delete;

  /// Everything of it may be called between two calls of next(), but feed(), opened(), closed() and
  /// output().
  [[nodiscard]] client::Client& client() noexcept;
  /// Where the next connection goes to.
  void set_link(LinkOptions link);
  [[nodiscard]] broker::Instant now() const noexcept;

  /// Waits for the client's next event, Open aside; sends its output.
  ///
  /// Returns   Nothing if `until` has come, interrupt() was called, or a watched descriptor is
  ///           ready; also if there is nothing to wait for: no connection, no delay, no `until`.
  ///           The event is good until the next call.
  [[nodiscard]] std::optional<client::Event> next(
      std::optional<broker::Instant> until = std::nullopt);
  /// Waits until all output has left, or the connection is over, or `until` has come, or
  /// interrupt() was called. Events that come are kept for next().
  ///
  /// Returns   Whether nothing is unsent.
  bool flush(std::optional<broker::Instant> until = std::nullopt);
  /// Ends the connection in order and waits for its end; DISCONNECT is the caller's to send before.
  void close();

  /// Makes next() return when `descriptor` can be read, as often as it is called: a pipe, a
  /// terminal. A file can always be read, and is not watched. -1: none.
  ///
  /// Returns   False if it is not such a descriptor: it never blocks.
  bool watch(int descriptor);
  /// Whether the watched descriptor was ready in the last call of next().
  [[nodiscard]] bool is_readable() const noexcept;
  /// Makes the next() under way, or the next one, return nothing. The only call for signal
  /// handlers and other threads.
  void interrupt() noexcept;

  /// How the last connection ended, or why it did not come about: tell it when Disconnected has
  /// the cause `closed`. `text` is empty before.
  [[nodiscard]] const LinkEnd& last_end() const noexcept;
  [[nodiscard]] const Link& link() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace transport
