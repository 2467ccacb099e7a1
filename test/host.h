#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/shard.h"

namespace test {

/// The shards of a process in one thread, with the part of their loops played for them.
///
/// Shape      flush_round() takes all that a shard wants done, in the order of transport/loop:
///            journal, logins, handoffs, mail, output, closes, resumes, reports. It gives each to a
///            `part`, which derives from Part and hides the functions that its test plays itself.
///            These calls are bound while compiling: the counted workload pays for none of the
///            others.
/// Lifetime   `log`, and all that the options point to, outlive the object.
/// Threads    None.
class Host {
 public:
  /// `options` of all shards; their indexes are filled in, and `seed` counts up from shard to
  /// shard.
  Host(broker::ShardOptions options, std::uint32_t shards, broker::Log& log) : commons_(shards) {
    options.shards = shards;
    for (std::uint32_t i = 0; i < shards; ++i, ++options.seed) {
      options.index = broker::ShardIndex{i};
      shards_.push_back(std::make_unique<broker::Shard>(options, commons_, log));
    }
  }

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(shards_.size()); }
  [[nodiscard]] broker::Shard& operator[](std::uint32_t index) const {
    assert(index < shards_.size());
    return *shards_[index];
  }
  [[nodiscard]] auto begin() const { return shards_.begin(); }
  [[nodiscard]] auto end() const { return shards_.end(); }
  [[nodiscard]] broker::Commons& commons() noexcept { return commons_; }
  [[nodiscard]] std::vector<broker::Shard*> pointers() const {
    std::vector<broker::Shard*> all;
    for (const auto& shard : shards_) all.push_back(shard.get());
    return all;
  }
  [[nodiscard]] std::uint32_t home_of(std::string_view client_id) const {
    return static_cast<std::uint32_t>(shards_[0]->home_of(client_id));
  }

  void tick(broker::Instant now) {
    for (const auto& shard : shards_) shard->tick(now);
  }
  /// Gives a shard the messages of another one, and leaves none of them.
  void deliver(std::uint32_t from, std::uint32_t to, std::vector<broker::PeerMessage>& messages,
               broker::Instant now) {
    for (broker::PeerMessage& message : std::exchange(messages, {})) {
      shards_[to]->from_peer(broker::ShardIndex{from}, std::move(message), now);
    }
  }

  /// Calls about the wishes of shard `index`. Each does nothing unless the derived class hides it.
  struct Part {
    /// The turn has ended: the journal may be taken.
    void journal(std::uint32_t /*index*/, broker::Shard& /*shard*/) {}
    void login(std::uint32_t /*index*/, const broker::LoginRequest& /*request*/) {}
    void hand_off(std::uint32_t /*index*/, broker::HandoffRequest& /*request*/) {}
    /// Takes all `messages`.
    void mail(std::uint32_t /*index*/, std::uint32_t /*to*/,
              std::vector<broker::PeerMessage>& /*messages*/) {}
    void write(std::uint32_t /*index*/, broker::ConnectionId /*id*/, broker::Output& /*output*/) {}
    void close(std::uint32_t /*index*/, const broker::CloseRequest& /*request*/) {}
    void resume(std::uint32_t /*index*/, const broker::ResumeRequest& /*request*/) {}
    /// How much of its output a socket has not taken.
    std::size_t queued_bytes(std::uint32_t /*index*/, broker::ConnectionId /*id*/) { return 0; }
  };

  /// The end of a turn: work that is left, one round, and packets that were held back for it.
  /// Returns whether there was something to do.
  template <typename Play>
  bool end_turn(std::uint32_t index, broker::Instant now, Play& part) {
    broker::Shard& shard = (*this)[index];
    const bool more = shard.work(now);
    const bool busy = flush_round(index, now, part);
    return shard.go_on(now) || busy || more;
  }

  /// Returns whether there was something to do.
  template <typename Play>
  bool flush_round(std::uint32_t index, broker::Instant now, Play& part) {
    broker::Shard& shard = (*this)[index];
    shard.end_turn(now);
    part.journal(index, shard);
    broker::Outbox& outbox = shard.outbox();
    broker::PeerOutbox& mail = shard.peer_outbox();
    if (outbox.empty() && mail.empty()) return false;
    for (const broker::LoginRequest& request : outbox.take_logins()) part.login(index, request);
    for (broker::HandoffRequest& request : outbox.take_handoffs()) part.hand_off(index, request);
    if (!mail.empty()) send_mail(index, mail, part);
    std::vector<broker::ConnectionId> reports;
    outbox.drain_output([&](broker::ConnectionId id, broker::Output& output) {
      if (output.report) reports.push_back(id);
      part.write(index, id, output);
    });
    for (const broker::CloseRequest& request : outbox.take_closes()) part.close(index, request);
    for (const broker::ResumeRequest& request : outbox.take_resumes()) part.resume(index, request);
    for (const broker::ConnectionId id : reports) {
      shard.writable(id, part.queued_bytes(index, id), now);
    }
    return true;
  }

 private:
  template <typename Play>
  void send_mail(std::uint32_t index, broker::PeerOutbox& mail, Play& part) {
    for (std::uint32_t to = 0; to < size(); ++to) {
      std::vector<broker::PeerMessage>& messages = mail.messages(broker::PeerId{to});
      if (messages.empty()) continue;
      part.mail(index, to, messages);
      assert(messages.empty());
    }
    mail.settled();
  }

  broker::Commons commons_;
  std::vector<std::unique_ptr<broker::Shard>> shards_;
};

}  // namespace test
