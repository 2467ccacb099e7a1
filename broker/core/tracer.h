// broker/core/tracer.h
#pragma once

#include <initializer_list>
#include <string_view>

#include "broker/core/connection.h"
#include "broker/core/session.h"
#include "broker/core/trace_sink.h"

namespace broker {

/// The way of a shard's parts to its TraceSink.
///
/// Shape      Parts keep a reference; on() is false nearly always, and nothing else is done then.
/// Lifetime   A sink stays until another one, or null, takes its place.
/// Threads    The shard's.
class Tracer {
 public:
  /// `sink` null: there is no trace.
  void set(TraceSink* sink) noexcept { sink_ = sink; }
  /// Whether there is any trace.
  [[nodiscard]] bool on() const noexcept { return sink_ != nullptr; }

  // All of these do nothing while there is no trace.

  [[nodiscard]] bool follows(const Connection& connection) const;
  [[nodiscard]] bool follows(const Session& session) const;
  [[nodiscard]] bool follows_topic(std::string_view topic) const;
  /// A decision about a client; the pieces are put together only if a trace follows it.
  void tell(const Connection& connection, std::initializer_list<std::string_view> pieces) const;
  void tell(const Session& session, std::initializer_list<std::string_view> pieces) const;
  /// See TraceSink.
  void identified(const Connection& connection, std::string_view client_id) const;
  void begin_publish(std::string_view topic) const;
  void end_publish() const {
    if (sink_ != nullptr) sink_->end_publish();
  }
  /// A decision about a message for a session; traces of the topic have it, too.
  void tell_of_topic(std::string_view topic, const Session& session,
                     std::initializer_list<std::string_view> pieces) const;

 private:
  TraceSink* sink_ = nullptr;
};

/// For parts without a trace.
inline const Tracer untraced;

}  // namespace broker
