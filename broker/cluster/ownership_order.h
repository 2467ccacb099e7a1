#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/cluster/lasting.h"
#include "broker/cluster/session_record.h"

namespace cluster {

/// The exact state of a session, on its way from one owner to the next.
struct MovedSession {
  SessionState state;  // as the record would have it at this moment
  std::string bytes;   // the session itself, as broker/session_wire.h has it; opaque here
};

// Orders of Ownership to its service. An order with a `request` has exactly one answer, which
// repeats the number.

/// Reads the record of a session, be it a late copy: Ownership::record_read() or read_failed().
struct ReadSession {
  std::string client_id;
  std::uint64_t request = 0;
};
/// Writes the record if its revision is still `expected` (0: there is none): record_written(),
/// record_refused() or record_unknown().
struct WriteSession {
  std::string client_id;
  std::uint64_t request = 0;
  SessionRecord record;
  Revision expected = 0;
};
/// Asks another member for the exact state, by a message that may be lost: holder_answered() if an
/// answer comes.
struct AskHolder {
  std::string client_id;
  MemberId holder = no_member;
  std::uint64_t epoch = 0;
};
/// Answers such a question, by a message that may be lost.
struct AnswerAsker {
  std::string client_id;
  MemberId asker = no_member;
  std::uint64_t epoch = 0;
  std::optional<MovedSession> image;  // absent: this member has no more than the record
};
/// Reads the acknowledgements that a member has stored above `from`: acks_read() or
/// acks_failed().
///
/// Requires  The answer has all that was stored before the order was given. A replica may be late:
///           the reader appends a mark to the stream first, and reads up to the mark.
struct ReadAcks {
  MemberId member = no_member;
  std::uint64_t from = 0;
};
/// This node serves the session from now on: by its image, or rebuilt from `state` and the stream.
/// Nothing of it may leave to the client before.
struct BeginSession {
  std::string client_id;
  std::uint64_t epoch = 0;
  SessionState state;             // as it is in the record now
  std::uint64_t next_number = 0;  // of a delivery; numbers_from .. next_number are in doubt
  std::optional<std::string> image;
};
/// This node serves the session still: its client may have it.
struct ResumeSession {
  std::string client_id;
};
/// Another node takes the session: its client is closed (0x8E) and nothing more leaves to it. Once
/// all that the session has published is stored, and all that it was given has its sequence,
/// Ownership::frozen() takes the image, and the service forgets the session.
///
/// Reason    A message that is stored and acknowledged later than the image would be acknowledged
///           by the next owner without being stored, if this one dies before. A delivery without a
///           sequence would be delivered again by the stream.
struct FreezeSession {
  std::string client_id;
};
/// Another node serves the session already, or it has ended: its client is closed, the session
/// forgotten without a trace.
struct ForgetSession {
  std::string client_id;
};
/// The client that waits for the session is closed: another node took it meanwhile.
struct RefuseConnect {
  std::string client_id;
};
/// State that was given to save() is in the record: tickets of all that it covers.
struct StateSaved {
  std::string client_id;
  Revision revision = 0;
  std::uint64_t numbers_reserved = 0;  // as the record has it now
  std::vector<std::uint64_t> tickets;
};

using OwnershipOrder =
    std::variant<ReadSession, WriteSession, AskHolder, AnswerAsker, ReadAcks, BeginSession,
                 ResumeSession, FreezeSession, ForgetSession, RefuseConnect, StateSaved>;

}  // namespace cluster
