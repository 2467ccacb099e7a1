// broker/core/trace_sink.h
#pragma once

#include <optional>
#include <string_view>

#include "broker/core/ids.h"

namespace broker {

/// Where the decisions of a shard go while somebody traces clients or topics.
///
/// Shape      A decision is told about a client. begin_publish() .. end_publish(): all that is told
///            in between follows from one PUBLISH, so traces of its topic have it too.
/// Cost       Sites ask follows() before they make a text. The host bounds the records that it
///            keeps.
/// Threads    The shard's.
class TraceSink {
 public:
  /// The client that a record is about.
  ///
  /// Lifetime   Of one call.
  struct Subject {
    std::optional<ConnectionId> connection;  // nothing: it is not connected
    std::string_view client_id;              // empty: it has none yet
  };

  TraceSink() = default;
  virtual ~TraceSink() = default;
  TraceSink(const TraceSink&) = delete;
  TraceSink& operator=(const TraceSink&) = delete;

  /// Whether a trace follows the client, or the PUBLISH under way.
  [[nodiscard]] virtual bool follows(const Subject& subject) const = 0;
  /// A decision about the client, a sentence or a part of one.
  virtual void tell(const Subject& subject, std::string_view decision) = 0;
  /// The client identifier of a connection is known: the one that its session will have.
  virtual void identified(ConnectionId connection, std::string_view client_id) = 0;

  [[nodiscard]] virtual bool follows_topic(std::string_view topic) const = 0;
  /// A PUBLISH to that topic is handled.
  virtual void begin_publish(std::string_view topic) = 0;
  /// All that followed from it has been told.
  virtual void end_publish() = 0;
  /// A decision about a message that may have waited since its PUBLISH; for traces of the topic.
  virtual void tell_of_topic(std::string_view topic, const Subject& subject,
                             std::string_view decision) = 0;
};

}  // namespace broker
