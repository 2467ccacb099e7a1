#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/access.h"

namespace auth {

/// The access that an ACL line grants.
enum class AclGrant : std::uint8_t { read, write, readwrite, deny };

/// One "topic" or "pattern" line, as text.
struct AclLine {
  AclGrant grant = AclGrant::readwrite;
  std::string filter;      ///< well-formed; %c, %u and %a stand for themselves outside patterns
  std::uint32_t line = 0;  ///< in its file
  bool operator==(const AclLine&) const = default;
};

/// A filter of an ACL made ready for matching: the user name is in its place, %c and %a are left
/// open.
///
/// Shape      A list of steps: "dev/%c/+/x" is text "dev/", client id, text "/", any level,
///            text "/x".
/// Lifetime   Owns its text.
/// Threads    Any: immutable after construction.
class AclFilter {
 public:
  /// A "topic" line: nothing is substituted.
  static AclFilter literal(std::string_view filter, std::uint32_t line = 0);
  /// A "pattern" line: `user` takes the place of %u; %c is the client id, %a its address.
  static AclFilter pattern(std::string_view filter, std::string_view user, std::uint32_t line = 0);
  /// The same, whatever the address is: each level that holds %a is any level.
  static AclFilter pattern_anywhere(std::string_view filter, std::string_view user,
                                    std::uint32_t line = 0);

  /// Does the filter match the topic name `topic` for that client? "a/#" matches "a"; a wildcard
  /// in front never matches a topic that begins with '$'.
  ///
  /// Cost      One pass over `topic`. Allocates nothing.
  [[nodiscard]] bool matches(std::string_view topic, const broker::Identity& who) const noexcept;

  /// The filter's text for that client. Requires applies_to().
  [[nodiscard]] std::string text(const broker::Identity& who) const;

  /// Is there something for %a, if that is in it? Without, it is as if it were not there.
  [[nodiscard]] bool applies_to(const broker::Identity& who) const noexcept {
    return !names_address() || !who.address.empty();
  }
  [[nodiscard]] bool names_address() const noexcept;
  /// The line of its file that it was made of.
  [[nodiscard]] std::uint32_t line() const noexcept { return line_; }

 private:
  enum class Kind : std::uint8_t { text, client_id, address, one_level, all_levels };
  struct Step {
    Kind kind;
    std::string text;
  };
  static bool step_matches(const Step& step, const broker::Identity& who, std::string_view& rest);
  void append_text(std::string_view text);
  void append_filter(std::string_view filter);

  std::vector<Step> steps_;
  std::uint32_t line_ = 0;
};

/// The filter that matches exactly the topics that `left` and `right` both match. Both must be
/// well-formed.
///
/// Returns   The empty string if no topic matches both: "a/+" and "+/b" give "a/b".
[[nodiscard]] std::string intersection(std::string_view left, std::string_view right);

/// Does `wide` match every topic that `narrow` matches?
[[nodiscard]] bool covers(std::string_view wide, std::string_view narrow);

}  // namespace auth
