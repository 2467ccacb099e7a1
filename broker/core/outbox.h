// broker/core/outbox.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/access.h"
#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/wire/bytes.h"

namespace broker {

/// The output of one connection at the end of this turn.
///
/// Shape      `bytes`, with a large payload let in at each splice's `offset`: the stream is
///            bytes[0, s0.offset) s0.payload bytes[s0.offset, s1.offset) s1.payload ... and the
///            rest of `bytes`. Small payloads are simply copied into `bytes`.
/// Lifetime   A splice without `keeper` is borrowed: see Outbox::borrows().
struct Output {
  struct Splice {
    std::size_t offset;
    mqtt::Bytes payload;
    MessageRef keeper;
  };

  mqtt::ByteBuffer bytes;
  std::vector<Splice> splices;
  std::size_t spliced_bytes = 0;
  bool report = false;  // Shard::writable() is to be called even if the socket takes all of it

  [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes.size() + spliced_bytes; }
};

/// How a connection ends, for transports that can say so (WebSocket close codes).
enum class CloseHow : std::uint8_t {
  normal,           ///< the client said DISCONNECT, or was told to go: 1000
  protocol_error,   ///< 1002
  policy,           ///< refused or not authorised: 1008
  too_big,          ///< 1009
  server_shutdown,  ///< 1001
};

/// Asks the loop to move a connection to the shard where its client is at home. The shard has
/// already forgotten the connection. `unread` begins with the CONNECT packet.
struct HandoffRequest {
  ConnectionId connection;
  ShardIndex home{0};
  std::vector<std::byte> unread;
};

/// Asks the loop to close a connection once its pending output is written. The shard has already
/// forgotten the connection, and wants no closed() for it.
struct CloseRequest {
  ConnectionId connection;
  CloseHow how = CloseHow::normal;
  std::string why;  // for the client, in a few words; "": the code says it all
};

/// Asks the loop to read a connection again for which Shard::received() had returned false.
struct ResumeRequest {
  ConnectionId connection;
};

/// Everything a shard wants done, gathered during a turn and pulled by its loop at the turn's end.
///
/// Invariant  A connection is drained once a turn. Requests keep their order. One that got the slot
///            of another in the same turn has an output of its own, behind that of the other.
/// Lifetime   Output objects come from a pool of the outbox and go back with their memory when
///            drained; an idle connection holds none, and the pool no more than a few megabytes,
///            which trim() gives back once they are idle.
/// Threads    None.
class Outbox {
 public:
  Outbox();
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // For the core.

  /// The connection's pending output, to append to.
  [[nodiscard]] Output& output(ConnectionId connection) {
    if (connection.slot < by_slot_.size()) {
      Pending* const pending = by_slot_[connection.slot];
      if (pending != nullptr && pending->connection == connection) return pending->output;
    }
    return open(connection);
  }
  /// How much is pending for the connection.
  [[nodiscard]] std::size_t pending_bytes(ConnectionId connection) const noexcept {
    if (connection.slot >= by_slot_.size()) return 0;
    const Pending* const pending = by_slot_[connection.slot];
    const bool its_own = pending != nullptr && pending->connection == connection;
    return its_own ? pending->output.size_bytes() : 0;
  }
  /// Says that about so much was appended, over all connections.
  void charge(std::size_t bytes) noexcept { charged_bytes_ += bytes; }
  /// Whether it is time to be drained: nothing more should be handled before.
  [[nodiscard]] bool full() const noexcept { return charged_bytes_ >= full_bytes; }
  /// Adds `payload` behind the existing output. Without `keeper` it is borrowed.
  void splice(Output& output, mqtt::Bytes payload, MessageRef keeper) {
    if (!keeper) borrows_ = true;
    assert(output.splices.empty() || output.splices.back().offset <= output.bytes.size());
    output.splices.push_back({output.bytes.size(), payload, std::move(keeper)});
    output.spliced_bytes += payload.size();
  }
  /// Keeps a buffer that was borrowed from until the output is drained.
  void hold(mqtt::ByteBuffer buffer) { held_.push_back(std::move(buffer)); }
  void request(LoginRequest request) { logins_.push_back(std::move(request)); }
  void request(HandoffRequest request) { handoffs_.push_back(std::move(request)); }
  void request(CloseRequest request) { closes_.push_back(std::move(request)); }
  void request(ResumeRequest request) { resumes_.push_back(request); }

  // For the loop, at the end of a turn: first logins, handoffs, then output, then closes
  // and resumes.

  /// Whether there is nothing to be drained. An outbox that was charged in vain has to be drained,
  /// too: nothing else makes room in it.
  [[nodiscard]] bool empty() const noexcept {
    return dirty_.empty() && charged_bytes_ == 0 && logins_.empty() && handoffs_.empty() &&
           closes_.empty() && resumes_.empty();
  }
  /// Whether output points into the bytes that were just received: they must stay where they are
  /// until it is drained.
  [[nodiscard]] bool borrows() const noexcept { return borrows_; }
  /// Calls `write(ConnectionId, Output&)` for each connection with output. `write` may move bytes
  /// and splices out of the Output; the rest is dropped.
  template <typename Write>
  void drain_output(Write&& write);
  /// Frees memory of the pool that was not used since the last call; to be called every second or
  /// so.
  void trim();
  [[nodiscard]] std::vector<LoginRequest> take_logins() { return std::exchange(logins_, {}); }
  [[nodiscard]] std::vector<HandoffRequest> take_handoffs() { return std::exchange(handoffs_, {}); }
  [[nodiscard]] std::vector<CloseRequest> take_closes() { return std::exchange(closes_, {}); }
  [[nodiscard]] std::vector<ResumeRequest> take_resumes() { return std::exchange(resumes_, {}); }

 private:
  struct Pending {
    ConnectionId connection;
    Output output;
  };

  /// Of a turn's output, after which it has to leave.
  static constexpr std::size_t full_bytes = std::size_t{32} << 20U;

  Output& open(ConnectionId connection);
  void recycle(std::unique_ptr<Pending> pending);

  std::vector<Pending*> by_slot_;  // null: nothing pending
  std::vector<std::unique_ptr<Pending>> dirty_;
  std::vector<std::unique_ptr<Pending>> draining_;  // empty but in drain_output()
  std::vector<std::unique_ptr<Pending>> pool_;
  std::size_t charged_bytes_ = 0;  // since it was drained
  std::size_t pool_bytes_ = 0;
  std::size_t pool_unused_ = 0;  // how many of the pool, at its front, were not needed of late
  std::vector<mqtt::ByteBuffer> held_;
  bool borrows_ = false;
  std::vector<LoginRequest> logins_;
  std::vector<HandoffRequest> handoffs_;
  std::vector<CloseRequest> closes_;
  std::vector<ResumeRequest> resumes_;
};

template <typename Write>
void Outbox::drain_output(Write&& write) {
  assert(draining_.empty());  // `write` must not drain
  draining_.swap(dirty_);
  charged_bytes_ = 0;
  for (std::unique_ptr<Pending>& pending : draining_) {
    assert(pending->connection.slot < by_slot_.size());
    Pending*& of_slot = by_slot_[pending->connection.slot];
    if (of_slot == pending.get()) of_slot = nullptr;
    write(pending->connection, pending->output);
    recycle(std::move(pending));
  }
  draining_.clear();
  held_.clear();
  borrows_ = false;
}

}  // namespace broker
