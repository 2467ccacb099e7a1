#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/argon2id.h"
#include "auth/hash_memory.h"

namespace auth {

/// The forms in which Mosquitto's password files keep a password.
enum class HashKind : std::uint8_t {
  sha512,         ///< $6$: SHA-512 over password and salt, one round
  sha512_pbkdf2,  ///< $7$: PBKDF2-HMAC-SHA512
  argon2id,       ///< $argon2id$: for new passwords
};

/// How costly a new hash is made. The defaults are 19 MiB and two passes (argon2id), and the
/// iterations that OWASP asks for (PBKDF2).
struct HashCost {
  std::uint32_t argon2id_memory_kib = 19456;
  std::uint32_t argon2id_passes = 2;
  std::uint32_t pbkdf2_iterations = 210000;
};

/// The result of comparing a password with a hash.
enum class Match : std::uint8_t {
  yes,
  no,
  failed,  ///< it could not be computed (no memory): says nothing about the password
};

/// One hashed password, read from the text of a password file.
///
/// Shape      $6$SALT$HASH                            base64, hash of 64 bytes
///            $7$ITERATIONS$SALT$HASH                 base64, hash of 64 bytes
///            $argon2id$v=19$m=KIB,t=N,p=N$SALT$HASH  base64 without padding
/// Invariant  Costs lie within bounds that a broker survives: at most 1 GiB and 64 passes and
///            16 lanes for argon2id, at most 10,000,000 iterations for PBKDF2.
/// Lifetime   A value. Immutable after parse().
/// Threads    Any: every member is const and touches no mutable state.
/// Source     mosquitto_passwd of Mosquitto 2.0 ($6$, $7$) and 2.1 (argon2id); RFC 8018; RFC 9106.
class PasswordHash {
 public:
  /// Reads `text`, the part of a password line behind the user name and its colon.
  ///
  /// Errors    One sentence without a full stop, without file and line; never part of the hash.
  [[nodiscard]] static std::expected<PasswordHash, std::string> parse(std::string_view text);

  /// Hashes `password` afresh with a random salt. Kind sha512 costs an attacker next to nothing:
  /// it is there for brokers that read no other.
  ///
  /// Errors    One sentence: a cost out of bounds, no memory, or a NUL at the end of a password for
  ///           kind sha512_pbkdf2.
  [[nodiscard]] static std::expected<PasswordHash, std::string> make(std::string_view password,
                                                                     HashKind kind,
                                                                     const HashCost& cost);

  /// A hash of the same kind and cost that no password is known to fit: verifying against it takes
  /// as long as against this one. For users that do not exist.
  [[nodiscard]] PasswordHash decoy() const;

  /// Is `password` the one that was hashed? All its bytes count. Compared in constant time.
  ///
  /// Cost      That is the point of it: from a microsecond ($6$) to the better part of a second.
  ///           Never call it on a loop. A frequent caller keeps a memory and hands it in.
  [[nodiscard]] Match verify(std::string_view password, HashMemory& memory) const;
  [[nodiscard]] Match verify(std::string_view password) const;

  /// The line's text, in the form that parse() reads.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] HashKind kind() const noexcept { return kind_; }

  /// Kind and cost without salt and hash ("$7$101"): equal for hashes that cost the same.
  [[nodiscard]] std::string_view cost_text() const noexcept;

 private:
  PasswordHash() = default;
  static std::expected<PasswordHash, std::string> parse_digest(std::string_view text);
  static std::expected<PasswordHash, std::string> parse_argon2id(std::string_view text);
  static std::expected<PasswordHash, std::string> make_digest(std::string_view password,
                                                              HashKind kind, const HashCost& cost);
  static std::expected<PasswordHash, std::string> make_argon2id(std::string_view password,
                                                                const HashCost& cost);

  [[nodiscard]] bool compute(std::string_view password, HashMemory& memory,
                             std::span<unsigned char> digest) const;

  HashKind kind_ = HashKind::argon2id;
  std::string text_;
  std::size_t cost_length_ = 0;   // of text_: the length of cost_text()
  std::uint32_t iterations_ = 1;  // sha512_pbkdf2
  Argon2idCost argon2id_;
  std::vector<unsigned char> salt_;
  std::vector<unsigned char> digest_;
};

}  // namespace auth
