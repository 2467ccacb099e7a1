#pragma once

#include <any>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/cluster/batches.h"
#include "broker/cluster/cursor.h"
#include "broker/cluster/lasting_interest.h"
#include "broker/cluster/membership.h"
#include "broker/cluster/ownership.h"
#include "test/sim/cluster_jetstream.h"
#include "test/sim/cluster_oracle.h"
#include "test/sim/cluster_packets.h"

namespace sim {

/// Rules that a node may leave out, so that the oracle is seen to find it.
enum class Mutant : std::uint8_t {
  none,
  no_barrier,      // SUBACK leaves when the record is written
  no_lease,        // a node that was cut off acknowledges what no session wants, as far as it knows
  no_comparison,   // records of sessions are written whatever is there
  late_watch,      // the watch counts as complete at each change that it shows
  early_release,   // PUBREL leaves before the PUBREC is stored
  reused_numbers,  // a rebuilt session begins with identifiers that the client may hold
  late_acks,       // a rebuild reads acknowledgements of a replica that is late
  early_image,     // a session is handed over before its publishes are stored
  many_batches,    // a batch does not wait for the one before it
};

/// The network and the host of a node.
class NodeHost {
 public:
  virtual ~NodeHost() = default;
  /// The node's own clock.
  [[nodiscard]] virtual broker::Instant now() const = 0;
  /// Asks JetStream. The answer comes once; nothing if it is lost or JetStream is not there.
  using Answer = std::function<void(std::optional<std::uint64_t>)>;
  virtual void call(std::function<std::uint64_t(JetStream&)> request, Answer answer) = 0;
  /// A message of core NATS to another member, which may be lost.
  virtual void tell(cluster::MemberId member, std::function<void(class Node&)> message) = 0;
  virtual void tell_all(std::function<void(class Node&)> message) = 0;
  virtual void reply(ConnectionName connection, Packet packet) = 0;
  virtual void close(ConnectionName connection) = 0;
  virtual Random& random() = 0;
};

struct NodeRules {
  Mutant mutant = Mutant::none;
  bool delivers_without_lease = false;
};

/// A node: the policy of broker/cluster, and around it as much of a broker as the oracle needs.
class Node {
 public:
  /// Sessions on their way between nodes, for the place of their bytes.
  using Images = std::vector<std::any>;

  Node(NodeHost& host, Oracle& oracle, Images& images, NodeRules rules, cluster::MemberId member,
       std::uint64_t batches_before);

  void tick();
  void packet(ConnectionName connection, const std::string& client_id, const Packet& packet);
  void connection_lost(ConnectionName connection);
  void show(const JetStream::Shown& shown);
  void tail(std::uint64_t number, const JetStream::Batch& batch);

  [[nodiscard]] cluster::MemberId member() const noexcept { return members_.self(); }
  [[nodiscard]] cluster::Revision shown() const noexcept { return shown_; }
  [[nodiscard]] std::uint64_t tailed() const noexcept { return tailed_; }

 private:
  struct Delivery {
    Copy copy;
    cluster::Sequence sequence = 0;  // 0: not known yet
    std::uint64_t number = 0;
    enum class State : std::uint8_t { sent, received, recorded, released } state = State::sent;
    unsigned qos = 0;
  };
  struct Subscription {
    cluster::Sequence since = 0;
    unsigned qos = 0;
  };
  /// Own messages with numbers first .. last go to the session when they are published; others
  /// when the stream shows them.
  struct AtOnce {
    std::uint64_t first = UINT64_MAX;
    std::uint64_t last = UINT64_MAX;
    [[nodiscard]] bool has(std::uint64_t number) const { return number >= first && number <= last; }
  };
  struct Session {
    std::string id;
    std::uint64_t epoch = 0;
    std::uint64_t serial = 0;  // of this stay at this node
    std::map<std::string, Subscription> subscriptions;
    cluster::Cursor cursor;
    std::deque<Delivery> queue;
    std::deque<Delivery> window;
    std::deque<Delivery> behind_gap;  // what the stream shows while what was before is read
    std::map<unsigned, std::uint64_t> in_doubt;             // packet identifiers: numbers
    std::map<unsigned, bool> incoming;                      // QoS 2: whether it is stored
    std::map<std::uint64_t, cluster::Sequence> unresolved;  // own number: 0
    std::set<std::uint64_t> finished_unresolved;
    std::uint64_t next_number = 0;
    std::uint64_t reserved = 0;
    std::size_t publishes_on_way = 0;
    std::size_t changes = 0;  // since the record was written
    AtOnce at_once;
    bool is_reserving = false;
    bool is_ready = false;
    bool is_frozen = false;
    std::optional<ConnectionName> connection;
    std::optional<ConnectionName> arrives;  // gets the session when it is ready
    std::vector<Packet> unread;             // while the node has no lease
  };
  struct Publish {  // on its way into the stream
    Copy copy;
    std::string client_id;
    std::uint64_t serial = 0;
    unsigned id = 0;
  };
  struct Ack {
    cluster::StoredAck ack;
    std::uint64_t serial = 0;
    std::uint64_t number = 0;
  };
  struct Ticket {
    ConnectionName connection;
    Packet packet;
  };

  // cluster_node_orders.cpp: orders of the policy.
  void carry_out();
  void carry(const cluster::ReadSession& order);
  void carry(const cluster::WriteSession& order);
  void carry(const cluster::AskHolder& order);
  void carry(const cluster::AnswerAsker& order);
  void carry(const cluster::ReadAcks& order);
  void carry(const cluster::BeginSession& order);
  void carry(const cluster::ResumeSession& order);
  void carry(const cluster::FreezeSession& order);
  void carry(const cluster::ForgetSession& order);
  void carry(const cluster::RefuseConnect& order);
  void carry(const cluster::StateSaved& order);
  void write_member(const cluster::WriteMember& order);
  void read_gap(const Session& session);
  void gap_read(Session& session, const std::vector<Delivery>& found, cluster::Sequence through);
  void begin_at_once(Session& session);
  std::optional<ConnectionName> take_waiting(const std::string& id);
  void cut_off(Session& session);
  void hand_over_drained();
  void pass_barrier();

  // cluster_node.cpp: a broker.
  Session* find(const std::string& id);
  void connected(Session& session, ConnectionName connection);
  void take(Session& session, const Packet& packet);
  [[nodiscard]] bool may_serve() const;
  void take_publish(Session& session, const Packet& packet);
  void acknowledge(Session& session, unsigned id, unsigned qos);
  void take_subscribe(Session& session, const Packet& packet);
  void take_puback(Session& session, unsigned id);
  void take_pubrec(Session& session, unsigned id);
  void take_pubcomp(Session& session, unsigned id);
  void enqueue(Session& session, Delivery delivery);
  void send_more(Session& session);
  void send(Session& session, const Delivery& delivery);
  void release(Session& session, Delivery& delivery);
  void finish(Session& session, const Delivery& delivery);
  void record(Session& session, Delivery& delivery);
  void tail_to(Session& session, const Copy& copy, cluster::Sequence sequence);
  void resolve(Session& session, std::uint64_t number, cluster::Sequence sequence);
  void append();
  void append_alone(const std::shared_ptr<std::vector<Publish>>& publishes, std::uint64_t id);
  void append_acks();
  void stored(const std::vector<Publish>& publishes);
  void save(Session& session, std::optional<std::uint64_t> ticket = {});
  cluster::SessionState state_of(Session& session);
  [[nodiscard]] std::optional<unsigned> qos_for(const Session& session, const Copy& copy,
                                                cluster::Sequence sequence) const;
  [[nodiscard]] bool holds_lease() const;
  [[nodiscard]] cluster::Sequence position() const;
  static unsigned packet_id(std::uint64_t number);
  void reply(Session& session, Packet::Type type, unsigned id);

  NodeHost& host_;
  Oracle& oracle_;
  Images& images_;
  NodeRules rules_;
  cluster::Membership members_;
  cluster::Ownership ownership_;
  cluster::Barrier barrier_;
  cluster::LastingInterest interest_;
  cluster::Batches<Publish> publishes_;
  cluster::Batches<Ack> acks_;
  std::map<std::string, std::unique_ptr<Session>> sessions_;
  std::map<std::string, ConnectionName> waiting_;  // for their sessions
  std::map<std::uint64_t, Ticket> tickets_;
  std::map<cluster::MemberId, std::uint64_t> highest_;  // number that the stream has shown of a run
  cluster::Revision shown_ = 0;
  std::uint64_t tailed_ = 0;        // batches
  cluster::Sequence position_ = 0;  // messages up to there were given to the sessions
  std::uint64_t own_number_ = 0;
  std::uint64_t last_appended_ = 0;
  std::uint64_t serials_ = 0;
  std::uint64_t ticket_count_ = 0;
  bool has_news_ = false;  // of sessions, that the others are to be told of
};

}  // namespace sim
