#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace auth {

/// What an ACL line grants.
enum class AclGrant : std::uint8_t { read, write, readwrite, deny };

/// One "topic" or "pattern" line, as text.
struct AclLine {
  AclGrant grant = AclGrant::readwrite;
  std::string filter;  ///< well-formed; %c and %u stand for themselves outside patterns
  bool operator==(const AclLine&) const = default;
};

/// A filter of an ACL made ready for matching: the user name is in its place, %c is left open.
///
/// Shape      A list of steps: "dev/%c/+/x" is text "dev/", client id, text "/", any level,
///            text "/x".
/// Lifetime   Owns its text.
/// Threads    Any: immutable after construction.
class AclFilter {
 public:
  /// A "topic" line: nothing is substituted.
  static AclFilter literal(std::string_view filter);
  /// A "pattern" line: `user` takes the place of %u, and %c is the client id.
  static AclFilter pattern(std::string_view filter, std::string_view user);

  /// Does the filter match the topic name `topic` for that client? "a/#" matches "a"; a wildcard
  /// in front never matches a topic that begins with '$'.
  ///
  /// Cost      One pass over `topic`. Allocates nothing.
  [[nodiscard]] bool matches(std::string_view topic, std::string_view client_id) const noexcept;

  /// The filter's text for that client.
  [[nodiscard]] std::string text(std::string_view client_id) const;

 private:
  enum class Kind : std::uint8_t { text, client_id, one_level, all_levels };
  struct Step {
    Kind kind;
    std::string text;
  };
  static bool step_matches(const Step& step, std::string_view client_id, std::string_view& rest);
  void append_text(std::string_view text);
  void append_filter(std::string_view filter);

  std::vector<Step> steps_;
};

/// The filter that matches what both `left` and `right` match. Both must be well-formed.
///
/// Returns   The empty string if no topic matches both: "a/+" and "+/b" give "a/b".
[[nodiscard]] std::string intersection(std::string_view left, std::string_view right);

/// Does `wide` match every topic that `narrow` matches?
[[nodiscard]] bool covers(std::string_view wide, std::string_view narrow);

}  // namespace auth
