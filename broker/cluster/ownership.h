#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/cluster/flapping.h"
#include "broker/cluster/membership.h"
#include "broker/cluster/ownership_order.h"
#include "broker/cluster/session_record.h"
#include "broker/core/ids.h"

namespace cluster {

/// An acknowledgement of a message by a client (PUBREC), as a member has stored it.
struct StoredAck {
  std::string client_id;
  Sequence sequence = 0;
};

/// The lasting sessions that this node serves: takes them from other nodes, and gives them away.
///
/// Shape      connect() ─ waiting ─ reading ─ claiming ─ locating ─┬─ asking ──────┬─ settling ─
/// owned
///                        flapping  record    epoch+1    holder is │  the holder   │  holder=self
///                                            owner=self known     └─ reading acks ┘
///            owned ─ freezing ─ frozen ─ gone, once another node is the holder
///            Facts come in by functions, orders go out by take_orders().
/// Invariant  A session is served by this node (BeginSession) only after the holder before has
///            stopped: it froze the session, or it was dead at a place of the bucket's order behind
///            the claim. One that comes back joins behind that place, so it knows of the claim
///            before it has a lease. And it begins under the lease: one that is dead in that order
///            would be taken for one that has stopped.
///            The record is written by compare-and-set only. After an answer that is missing or
///            refuses, it is read again: a claim of one's own is known by owner and epoch.
///            An image is kept until another member is the holder, and is given as often as it is
///            asked for: an answer may be lost, and a claimant may die.
/// Reason     Whether the holder lives is looked up at the place of the claim, not when the claim
/// is
///            decided: a late watch would take a holder for dead that is back.
/// Cost       Constant for each fact; tick() and members_changed() walk the sessions that are on
///            their way.
/// Threads    None: sans-IO. `members` outlives it.
class Ownership final {
 public:
  struct Options {
    Flapping::Options flapping;
    std::int64_t retry_milliseconds = 500;
    std::uint64_t numbers_ahead = 1024;  // see SessionState::numbers_reserved
  };
  Ownership(Options options, const Membership& members);

  [[nodiscard]] std::vector<OwnershipOrder> take_orders();

  /// A client wants its session here: BeginSession, ResumeSession or RefuseConnect follows, unless
  /// another connect() of the client id comes first, which takes the place of this one.
  ///
  /// Reason    A session that this node serves waits for the lease, too. Without one another node
  ///           may have it, where the client was meanwhile. An older state would send messages
  ///           under identifiers that the client holds for others: they would be lost.
  void connect(const std::string& client_id, std::uint32_t expiry_interval_seconds,
               broker::Instant now);
  /// The state of a session that this node serves has changed. StateSaved names the ticket, if the
  /// session is not taken away before. Changes during a write are written together.
  ///
  /// Requires  `state` as it is at this moment; acks_from is filled in here.
  void save(const std::string& client_id, SessionState state,
            std::optional<std::uint64_t> ticket = {});

  // Answers to orders.
  void record_read(const std::string& client_id, std::uint64_t request,
                   const std::optional<SessionRecord>& record, Revision revision,
                   broker::Instant now);
  void read_failed(const std::string& client_id, std::uint64_t request, broker::Instant now);
  void record_written(const std::string& client_id, std::uint64_t request, Revision revision,
                      broker::Instant now);
  /// Refused, or without an answer: then it is written, or not, or will be.
  void record_not_written(const std::string& client_id, std::uint64_t request);
  void holder_answered(const std::string& client_id, std::uint64_t epoch,
                       std::optional<MovedSession> image, broker::Instant now);
  void acks_read(MemberId member, const std::vector<StoredAck>& acks, broker::Instant now);
  void acks_failed(MemberId member, broker::Instant now);
  /// Requires  The session was to be frozen; the service has forgotten it.
  void frozen(const std::string& client_id, MovedSession image, broker::Instant now);

  // Facts.
  /// The watch shows a record.
  void record_seen(const std::string& client_id, const SessionRecord& record, broker::Instant now);
  /// Another member asks for a session that it has claimed under `epoch`.
  void asked(const std::string& client_id, std::uint64_t epoch, MemberId asker);
  /// Acknowledgements of this member are stored up to there.
  void acks_stored(std::uint64_t place) noexcept { acks_stored_ = place; }
  /// To be called after the watch has shown something.
  void members_changed(broker::Instant now);
  void tick(broker::Instant now);

 private:
  enum class State : std::uint8_t {
    waiting,
    reading,
    claiming,
    locating,
    asking,
    reading_acks,
    prepared,  // all is there; waits for the lease
    settling,
    awaiting_lease,  // settled; as before
    owned,
    freezing,
    frozen,
  };
  struct Question {
    MemberId asker = no_member;
    std::uint64_t epoch = 0;
  };
  struct Session {
    State state = State::waiting;
    SessionRecord record;  // as it was written, or is to be
    Revision revision = 0;
    std::uint64_t request = 0;  // the order that an answer is awaited for; 0: none
    broker::Instant due;        // of the next try
    bool reads_again = false;   // when due
    std::uint32_t expiry_interval_seconds = 0;
    bool connect_waits = false;
    std::optional<MovedSession> image;  // kept for the next holder, this node or another
    std::uint64_t image_epoch = 0;
    std::optional<Question> question;
    std::optional<SessionState> next;    // owned: to be saved
    std::vector<std::uint64_t> tickets;  // of the save on its way
    std::vector<std::uint64_t> tickets_of_next;

    void drop_image() {
      image.reset();
      image_epoch = 0;
      question.reset();
    }
  };
  /// Sessions that wait for the acknowledgements of a member. A reading serves those that waited
  /// when it began: it has all that was stored before.
  struct AckWaits {
    std::vector<std::string> served;
    std::vector<std::string> behind;
    std::optional<broker::Instant> due;  // of the next try
  };

  /// `answer_to`: only if the session waits for the answer to this request, which is over then.
  Session* find(const std::string& client_id, std::optional<std::uint64_t> answer_to = {});
  void start(const std::string& client_id, Session& session, broker::Instant now);
  void resume(const std::string& client_id, Session& session, broker::Instant now);
  void read(const std::string& client_id, Session& session);
  void write(const std::string& client_id, Session& session);
  void claim(const std::string& client_id, Session& session,
             const std::optional<SessionRecord>& record, Revision revision);
  void claimed(const std::string& client_id, Session& session, Revision revision,
               broker::Instant now);
  void locate(const std::string& client_id, Session& session, broker::Instant now);
  void ask(const std::string& client_id, Session& session, broker::Instant now);
  void want_acks(const std::string& client_id, Session& session);
  void read_acks(MemberId member, AckWaits& waits);
  void prepare(const std::string& client_id, Session& session, broker::Instant now);
  void settle(const std::string& client_id, Session& session);
  void settled(const std::string& client_id, Session& session, Revision revision,
               broker::Instant now);
  void begin_with_lease(const std::string& client_id, Session& session, broker::Instant now);
  void save_next(const std::string& client_id, Session& session);
  void saved(const std::string& client_id, Session& session, Revision revision);
  void check(const std::string& client_id, Session& session, const SessionRecord& record,
             Revision revision, broker::Instant now);
  void freeze(const std::string& client_id, Session& session);
  void superseded(const std::string& client_id, Session& session, const SessionRecord& record,
                  broker::Instant now);
  void lose(const std::string& client_id, Session& session, broker::Instant now);
  void give_up(const std::string& client_id, Session& session, bool is_holder);
  void erase(const std::string& client_id);

  Options options_;
  const Membership& members_;
  Flapping flapping_;
  std::unordered_map<std::string, Session> sessions_;
  std::set<std::string> moving_;  // sessions on their way here
  std::map<MemberId, AckWaits> ack_waits_;
  std::vector<OwnershipOrder> orders_;
  std::uint64_t requests_ = 0;
  std::uint64_t acks_stored_ = 0;
};

}  // namespace cluster
