#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "broker/bridge/topic_map.h"

namespace bridge {

/// The topics of a bridge, shared out among its connections.
///
/// Shape      Each connection is a bridge of its own, with a session at either end. A subscription
///            at the other broker is made by one connection. A topic of this broker goes out by
///            one: by the connection that has the topic's way in, if there is one; else a hash of
///            the topic decides.
/// Invariant  All messages of a topic cross by one connection, so that they keep their order; and
///            messages that go out and come in under one name use one session at either end, so
///            that No Local, or the bridge's bit before 5.0, still keeps messages from coming back.
///            Subscriptions that overlap are made by one connection: the other broker sends a
///            message that several of them match as it would with one connection alone.
/// Threads    Any: const after construction.
class TopicSplit final {
 public:
  /// The mappings of one connection, and the filters of all others, which an earlier configuration
  /// may have given to this one.
  struct Part {
    std::vector<Mapping> mappings;
    std::vector<std::string> local_leftovers;
    std::vector<std::string> remote_leftovers;
  };

  TopicSplit(const std::vector<Mapping>& mappings, std::size_t connections);

  /// The connection by which a topic of this broker goes out.
  [[nodiscard]] std::size_t connection_of(std::string_view topic) const;
  [[nodiscard]] Part part(std::size_t connection) const;
  /// The connections that can have topics.
  [[nodiscard]] std::size_t used() const noexcept;

 private:
  /// A way in.
  struct Inward {
    std::size_t mapping = 0;     // index into mappings_
    std::size_t group = 0;       // of ways that belong to one connection
    std::size_t connection = 0;  // that has the group
    std::string local;           // filters at both ends
    std::string remote;
  };

  [[nodiscard]] bool belong_together(const Inward& one, const Inward& other) const;
  void form_groups();

  std::vector<Mapping> mappings_;
  std::size_t connections_;
  TopicMap map_;
  std::vector<Inward> inward_;
  std::size_t groups_ = 0;
};

/// Whether there can be a topic that both filters match.
[[nodiscard]] bool overlap(std::string_view one, std::string_view other) noexcept;

}  // namespace bridge
