#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cluster {

/// MQTT topics as NATS subjects, and back. SUBJECTS.md has the encoding with examples.
///
/// Shape      A topic level is a token. Bytes with a meaning for NATS, and those that it refuses,
///            are escaped: '.', '*', '>', '%', 0x7F and all up to 0x20 (space), as '%' and two
///            upper-case hex digits. An empty level is "%". All other bytes, UTF-8 among them,
///            stand as they are.
///            A subject is PREFIX.ROOT.TOKENS. The root is "t", or "s" for topics that begin with
///            '$', which filters with a wildcard in front do not match [MQTT-4.7.2-1]. Topics with
///            more than `tokens_bytes_max` bytes in this form, the long topics, have one subject
///            for all of them: PREFIX.l.
/// Invariant  Each topic has one subject. Different topics that are not long have different
///            subjects, and topic_of_subject() takes no other form of a subject.
///            A filter matches a topic, neither of them long, exactly if one of the filter's
///            subjects matches the topic's subject by NATS' rules.
/// Threads    Any.

/// The tokens of a subject have so many bytes at most, dots between them counted: nats-server
/// refuses protocol lines above 4096 bytes, and a subject has a prefix and other fields beside it.
inline constexpr std::size_t tokens_bytes_max = 1024;

/// Whether a text may be the name of a cluster or of a node: 1 to 64 of [A-Za-z0-9_-]. Such a name
/// is a token of a subject and of a key as it is.
[[nodiscard]] bool is_name(std::string_view text) noexcept;

/// The prefix of all subjects of a cluster: "darter.NAME". Clusters of several names may share a
/// NATS account.
///
/// Requires  is_name(cluster_name).
[[nodiscard]] std::string prefix_of_cluster(std::string_view cluster_name);

/// Appends the subject of a topic name.
///
/// Requires  A well-formed topic name.
/// Returns   False for a long topic: its message has to carry the topic.
[[nodiscard]] bool subject_of_topic(std::string_view prefix, std::string_view topic,
                                    std::string& out);

/// The topic of a subject that begins with `prefix`.
///
/// Returns   Nothing if no topic has that subject as its own, as that of long topics.
[[nodiscard]] std::optional<std::string> topic_of_subject(std::string_view prefix,
                                                          std::string_view subject);

/// The subjects to which a filter subscribes: one, or two if it ends with "/#", which matches the
/// level above as well. The subject of long topics is not among them.
///
/// Requires  A well-formed topic filter, not a shared subscription's, that is not long:
///           AnnouncedFilters shortens filters.
[[nodiscard]] std::vector<std::string> subjects_of_filter(std::string_view prefix,
                                                          std::string_view filter);

/// The subject of all long topics.
[[nodiscard]] std::string subject_of_long_topics(std::string_view prefix);

/// The subject on which a node hears which others know its filters: see HeardMessage.
[[nodiscard]] std::string subject_of_heard(std::string_view prefix, std::string_view node_name);

/// Whether a filter may match a long topic: one that has no wildcard and is not long itself does
/// not.
[[nodiscard]] bool may_match_long_topics(std::string_view filter) noexcept;

/// Bytes of a topic's or a filter's tokens, with the dots between them.
[[nodiscard]] std::size_t tokens_bytes(std::string_view topic_or_filter) noexcept;

}  // namespace cluster
