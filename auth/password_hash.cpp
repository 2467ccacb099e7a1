#include "auth/password_hash.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <openssl/evp.h>
#include <optional>
#include <sodium.h>
#include <span>

namespace auth {
namespace {

using Bytes = std::vector<unsigned char>;

constexpr std::size_t sha512_bytes = 64;
constexpr std::size_t salt_bytes_max = 1024;
constexpr std::size_t digest_salt_bytes = 12;  // Mosquitto 2.0 reads no other size
constexpr std::uint32_t pbkdf2_iterations_max = 10'000'000;
constexpr std::uint32_t argon2id_memory_kib_max = 1024 * 1024;
constexpr std::uint32_t argon2id_passes_max = 64;
constexpr std::uint32_t argon2id_lanes_max = 16;
constexpr std::size_t argon2id_salt_bytes_min = 8;
constexpr std::size_t argon2id_hash_bytes_min = 16;
constexpr std::size_t argon2id_new_salt_bytes = 16;
constexpr std::size_t argon2id_new_hash_bytes = 32;
constexpr std::string_view argon2id_prefix = "$argon2id$";

std::unexpected<std::string> unusable(std::string text) { return std::unexpected(std::move(text)); }

/// Cuts the text in front of the first `end` off `rest`, and `end` too. Nothing if there is none.
std::optional<std::string_view> take_until(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view field = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  return field;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Bytes> from_base64(std::string_view text, int variant) {
  if (text.empty()) return Bytes();
  Bytes bytes(text.size());
  std::size_t length = 0;
  const char* end = nullptr;
  if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &length,
                        &end, variant) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  bytes.resize(length);
  return bytes;
}

std::string to_base64(std::span<const unsigned char> bytes, int variant) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
  text.pop_back();  // libsodium ends it with a NUL
  return text;
}

Bytes random_bytes(std::size_t count) {
  Bytes bytes(count);
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

bool sha512(std::string_view password, const Bytes& salt, std::span<unsigned char> digest) {
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  crypto_hash_sha512_update(&state, reinterpret_cast<const unsigned char*>(password.data()),
                            password.size());
  crypto_hash_sha512_update(&state, salt.data(), salt.size());
  crypto_hash_sha512_final(&state, digest.data());
  sodium_memzero(&state, sizeof state);
  return true;
}

bool pbkdf2(std::string_view password, const Bytes& salt, std::uint32_t iterations,
            std::span<unsigned char> digest) {
  return PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                           static_cast<int>(salt.size()), static_cast<int>(iterations),
                           EVP_sha512(), static_cast<int>(digest.size()), digest.data()) == 1;
}

/// HMAC pads its key with NULs: it cannot tell "secret" from "secret\0". No file has a password
/// that ends so (mosquitto_passwd cannot make one), so such a password is wrong.
bool hmac_confuses(HashKind kind, std::string_view password) {
  return kind == HashKind::sha512_pbkdf2 && password.ends_with('\0');
}

int base64_of(HashKind kind) {
  return kind == HashKind::argon2id ? sodium_base64_VARIANT_ORIGINAL_NO_PADDING
                                    : sodium_base64_VARIANT_ORIGINAL;
}

/// The text of a hash; `cost` is the result of cost_text().
std::string hash_text(HashKind kind, std::string_view cost, std::span<const unsigned char> salt,
                      std::span<const unsigned char> digest) {
  std::string text(cost);
  text += to_base64(salt, base64_of(kind)) + "$";
  return text + to_base64(digest, base64_of(kind));
}

std::optional<std::uint32_t> argon2id_parameter(std::string_view& rest, std::string_view name,
                                                char end) {
  const auto field = take_until(rest, end);
  if (!field || !field->starts_with(name)) return std::nullopt;
  return number(field->substr(name.size()));
}

std::optional<std::string> argon2id_cost_fault(std::uint32_t memory_kib, std::uint32_t passes,
                                               std::uint32_t lanes) {
  if (memory_kib > argon2id_memory_kib_max) return "argon2id asks for more than 1 GiB of memory";
  if (passes < 1 || passes > argon2id_passes_max) return "argon2id passes must be 1 to 64";
  if (lanes < 1 || lanes > argon2id_lanes_max) return "argon2id lanes must be 1 to 16";
  if (memory_kib < 8 * lanes) return "argon2id needs 8 KiB of memory or more for each lane";
  return std::nullopt;
}

std::string iterations_fault() {
  return "PBKDF2 iterations must be 1 to " + std::to_string(pbkdf2_iterations_max);
}

bool iterations_in_bounds(std::uint32_t iterations) {
  return iterations >= 1 && iterations <= pbkdf2_iterations_max;
}

}  // namespace

std::expected<PasswordHash, std::string> PasswordHash::parse(std::string_view text) {
  if (sodium_init() < 0) return unusable("libsodium cannot be used on this machine");
  if (text.empty()) return unusable("there is no password hash");
  if (text.starts_with(argon2id_prefix)) return parse_argon2id(text);
  if (text.starts_with("$6$") || text.starts_with("$7$")) return parse_digest(text);
  if (text.starts_with('$')) {
    return unusable("unknown kind of password hash (known: $6$, $7$ and $argon2id$)");
  }
  return unusable("the password is not hashed; darter-passwd -U FILE hashes a file of plain text");
}

std::expected<PasswordHash, std::string> PasswordHash::parse_digest(std::string_view text) {
  PasswordHash hash;
  hash.kind_ = text[1] == '6' ? HashKind::sha512 : HashKind::sha512_pbkdf2;
  std::string_view rest = text.substr(3);
  if (hash.kind_ == HashKind::sha512_pbkdf2) {
    const auto field = take_until(rest, '$');
    const auto iterations = field ? number(*field) : std::nullopt;
    if (!iterations || !iterations_in_bounds(*iterations)) return unusable(iterations_fault());
    hash.iterations_ = *iterations;
  }
  hash.cost_length_ = text.size() - rest.size();
  const auto salt_text = take_until(rest, '$');
  auto salt = salt_text ? from_base64(*salt_text, base64_of(hash.kind_)) : std::nullopt;
  if (!salt || salt->empty() || salt->size() > salt_bytes_max) {
    return unusable("the salt is not base64 of 1 to 1024 bytes");
  }
  auto digest = from_base64(rest, base64_of(hash.kind_));
  if (!digest || digest->size() != sha512_bytes)
    return unusable("the hash is not base64 of 64 bytes");
  hash.salt_ = std::move(*salt);
  hash.digest_ = std::move(*digest);
  hash.text_ = text;
  return hash;
}

std::expected<PasswordHash, std::string> PasswordHash::parse_argon2id(std::string_view text) {
  std::string_view rest = text.substr(argon2id_prefix.size());
  const auto version = argon2id_parameter(rest, "v=", '$');
  const auto memory_kib = argon2id_parameter(rest, "m=", ',');
  const auto passes = argon2id_parameter(rest, "t=", ',');
  const auto lanes = argon2id_parameter(rest, "p=", '$');
  if (!version || !memory_kib || !passes || !lanes) {
    return unusable("malformed argon2id hash (wanted: $argon2id$v=19$m=KIB,t=N,p=N$SALT$HASH)");
  }
  if (*version != 19) return unusable("argon2id hash of a version other than 19");
  if (const auto fault = argon2id_cost_fault(*memory_kib, *passes, *lanes)) return unusable(*fault);
  const std::size_t cost_length = text.size() - rest.size();
  const auto salt_text = take_until(rest, '$');
  auto salt = salt_text ? from_base64(*salt_text, base64_of(HashKind::argon2id)) : std::nullopt;
  if (!salt || salt->size() < argon2id_salt_bytes_min || salt->size() > salt_bytes_max) {
    return unusable("the salt of the argon2id hash is not base64 of 8 to 1024 bytes");
  }
  auto digest = from_base64(rest, base64_of(HashKind::argon2id));
  if (!digest || digest->size() < argon2id_hash_bytes_min || digest->size() > salt_bytes_max) {
    return unusable("the hash of the argon2id hash is not base64 of 16 to 1024 bytes");
  }
  PasswordHash hash;
  hash.kind_ = HashKind::argon2id;
  hash.argon2id_ = {*memory_kib, *passes, *lanes};
  hash.salt_ = std::move(*salt);
  hash.digest_ = std::move(*digest);
  hash.cost_length_ = cost_length;
  hash.text_ = text;
  return hash;
}

std::expected<PasswordHash, std::string> PasswordHash::make(std::string_view password,
                                                            HashKind kind, const HashCost& cost) {
  if (sodium_init() < 0) return unusable("libsodium cannot be used on this machine");
  return kind == HashKind::argon2id ? make_argon2id(password, cost)
                                    : make_digest(password, kind, cost);
}

std::expected<PasswordHash, std::string> PasswordHash::make_digest(std::string_view password,
                                                                   HashKind kind,
                                                                   const HashCost& cost) {
  const std::uint32_t iterations = cost.pbkdf2_iterations;
  const bool stretched = kind == HashKind::sha512_pbkdf2;
  if (stretched && !iterations_in_bounds(iterations)) return unusable(iterations_fault());
  if (hmac_confuses(kind, password)) return unusable("this kind of hash takes no NUL at the end");
  const Bytes salt = random_bytes(digest_salt_bytes);
  std::array<unsigned char, sha512_bytes> digest{};
  const bool computed =
      stretched ? pbkdf2(password, salt, iterations, digest) : sha512(password, salt, digest);
  if (!computed) return unusable("the hash could not be computed");
  const std::string cost_text = stretched ? "$7$" + std::to_string(iterations) + "$" : "$6$";
  return parse(hash_text(kind, cost_text, salt, digest));
}

std::expected<PasswordHash, std::string> PasswordHash::make_argon2id(std::string_view password,
                                                                     const HashCost& cost) {
  if (const auto fault = argon2id_cost_fault(cost.argon2id_memory_kib, cost.argon2id_passes, 1)) {
    return unusable(*fault);
  }
  const Argon2idCost wanted{cost.argon2id_memory_kib, cost.argon2id_passes, 1};
  const Bytes salt = random_bytes(argon2id_new_salt_bytes);
  std::array<unsigned char, argon2id_new_hash_bytes> digest{};
  HashMemory memory;
  if (!argon2id(password, salt, wanted, memory, digest)) {
    return unusable("the hash could not be computed: not enough memory");
  }
  const std::string cost_text = std::string(argon2id_prefix) +
                                "v=19$m=" + std::to_string(wanted.memory_kib) +
                                ",t=" + std::to_string(wanted.passes) + ",p=1$";
  return parse(hash_text(HashKind::argon2id, cost_text, salt, digest));
}

PasswordHash PasswordHash::decoy() const {
  PasswordHash hash = *this;
  hash.salt_ = random_bytes(salt_.size());
  hash.digest_ = random_bytes(digest_.size());
  hash.text_ = hash_text(kind_, cost_text(), hash.salt_, hash.digest_);
  return hash;
}

Match PasswordHash::verify(std::string_view password) const {
  HashMemory memory;
  return verify(password, memory);
}

Match PasswordHash::verify(std::string_view password, HashMemory& memory) const {
  if (hmac_confuses(kind_, password)) return Match::no;
  Bytes digest(digest_.size());
  if (!compute(password, memory, digest)) return Match::failed;
  return sodium_memcmp(digest.data(), digest_.data(), digest.size()) == 0 ? Match::yes : Match::no;
}

bool PasswordHash::compute(std::string_view password, HashMemory& memory,
                           std::span<unsigned char> digest) const {
  switch (kind_) {
    case HashKind::sha512:
      return sha512(password, salt_, digest);
    case HashKind::sha512_pbkdf2:
      return pbkdf2(password, salt_, iterations_, digest);
    case HashKind::argon2id:
      return argon2id(password, salt_, argon2id_, memory, digest);
  }
  return false;
}

std::string_view PasswordHash::cost_text() const noexcept {
  return std::string_view(text_).substr(0, cost_length_);
}

}  // namespace auth
