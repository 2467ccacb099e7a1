#include "auth/password_hash.h"

#include <catch2/catch.hpp>
#include <string>

namespace {

using auth::HashCost;
using auth::HashKind;
using auth::Match;
using auth::PasswordHash;

constexpr HashCost cheap{.argon2id_memory_kib = 64, .argon2id_passes = 1, .pbkdf2_iterations = 101};

PasswordHash parsed(std::string_view text) {
  auto hash = PasswordHash::parse(text);
  INFO(text);
  REQUIRE(hash.has_value());
  return *hash;
}

struct Vector {
  std::string name;
  std::string text;
  std::string password;
};

}  // namespace

TEST_CASE("hashes of other makers fit their passwords and no others", "[password_hash]") {
  const auto vector = GENERATE(values<Vector>({
      {"mosquitto_passwd 2.0.11",
       "$7$101$rmtWuQmJJm6viIT+$i4KUiSlUmNiz9jyYTgi2v2Z5vq0dvHfQqQBcA2ap+WQunep7OXQZyMO0wk4QBxYN9z"
       "qcXWTeDNEs2urPv8chdA==",
       "secret"},
      {"mosquitto_passwd 2.0.11, another",
       "$7$101$oFWvAjhjbE4D0aft$+KT2MtUegeYU8fPkbvwEncup0tuNeYOu1gYeUks1UTmFlKG2Pzscvcmn4GUeLCdxjB"
       "NvqyX4RuCJtO6ba5qsJA==",
       "hunter2"},
      {"hashlib.pbkdf2_hmac of Python, 1000 iterations",
       "$7$1000$MTIzNDU2Nzg5MDEy$b/ie4bcwUxlc60NxfR0n9Sxl7kAeJL1NZ8MGNngPM4C2LIqpt71j77PWrFPuHsPyn"
       "hi3g39sRGOVmGC8d9n47Q==",
       "secret"},
      {"hashlib.sha512 of Python",
       "$6$MTIzNDU2Nzg5MDEy$bZfv+whQZ/1yDdVb4P8BlqyS8z1Prbr7t+3w6UFsmNp85Hwi9Z3NMZAjHkW9nrd/yW54Zok"
       "D+1OkposE5KV3SA==",
       "secret"},
      {"argon2's own tests, one lane",
       "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
       "password"},
      {"argon2's own tests, two lanes",
       "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
       "password"},
      {"argon2's own tests, 64 MiB",
       "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
       "password"},
  }));
  INFO(vector.name);
  const PasswordHash hash = parsed(vector.text);
  CHECK(hash.verify(vector.password) == Match::yes);
  CHECK(hash.verify(vector.password + "x") == Match::no);
  CHECK(hash.verify("") == Match::no);
  CHECK(hash.verify(vector.password + std::string("\0x", 2)) == Match::no);
  CHECK(hash.verify(vector.password + std::string("\0", 1)) == Match::no);
  CHECK(hash.text() == vector.text);
}

TEST_CASE("new hashes fit every byte of their password", "[password_hash]") {
  const auto kind = GENERATE(HashKind::argon2id, HashKind::sha512_pbkdf2, HashKind::sha512);
  const std::string password = GENERATE(as<std::string>{}, "secret", std::string("a\0b", 3), "",
                                        "p\xc3\xa4ss", std::string(65535, 'x'));
  const auto hash = PasswordHash::make(password, kind, cheap);
  REQUIRE(hash.has_value());
  CHECK(hash->verify(password) == Match::yes);
  CHECK(hash->verify(password + "b") == Match::no);
  CHECK(hash->verify(password + std::string(1, '\0')) == Match::no);
  CHECK(parsed(hash->text()).verify(password) == Match::yes);
  CHECK(PasswordHash::make(password, kind, cheap)->text() != hash->text());
}

TEST_CASE("a NUL at the end counts, and is refused where HMAC would lose it", "[password_hash]") {
  const std::string password("secret\0", 7);
  for (const HashKind kind : {HashKind::argon2id, HashKind::sha512}) {
    const auto hash = PasswordHash::make(password, kind, cheap);
    REQUIRE(hash.has_value());
    CHECK(hash->verify(password) == Match::yes);
    CHECK(hash->verify("secret") == Match::no);
  }
  CHECK_FALSE(PasswordHash::make(password, HashKind::sha512_pbkdf2, cheap).has_value());
}

TEST_CASE("new passwords get argon2id with 19 MiB, two passes and one lane", "[password_hash]") {
  const auto hash = PasswordHash::make("secret", HashKind::argon2id, HashCost{});
  REQUIRE(hash.has_value());
  CHECK(hash->cost_text() == "$argon2id$v=19$m=19456,t=2,p=1$");
  CHECK(hash->verify("secret") == Match::yes);
}

TEST_CASE("sha512 has the salt of 12 bytes that Mosquitto 2.0 wants", "[password_hash]") {
  const auto hash = PasswordHash::make("secret", HashKind::sha512, HashCost{});
  REQUIRE(hash.has_value());
  CHECK(hash->kind() == HashKind::sha512);
  CHECK(hash->cost_text() == "$6$");
  const std::string& text = hash->text();
  CHECK(text.find('$', 3) == 3 + 16);     // 12 bytes in base64
  CHECK(text.size() == 3 + 16 + 1 + 88);  // 64 bytes in base64
}

TEST_CASE("a long salt and a long hash, as other tools write them, are read", "[password_hash]") {
  const std::string text =
      "$argon2id$v=19$m=64,t=1,p=1$" + std::string(86, 'A') + "$" + std::string(86, 'A');
  CHECK(parsed(text).verify("secret") == Match::no);
}

TEST_CASE("what is no password hash, or costs too much, is refused", "[password_hash]") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"", "there is no password hash"},
      {"secret", "not hashed"},
      {"$1$abc$def", "unknown kind"},
      {"$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA", "unknown kind"},
      {"$6$", "salt"},
      {"$6$!!$AAAA", "salt"},
      {"$6$$AAAA", "salt"},
      {"$6$AAAA$AAAA", "64 bytes"},
      {"$6$AAAA$", "64 bytes"},
      {"$7$AAAA$AAAA", "iterations"},
      {"$7$0$AAAA$AAAA", "iterations"},
      {"$7$-1$AAAA$AAAA", "iterations"},
      {"$7$10000001$AAAA$AAAA", "iterations"},
      {"$7$99999999999999999999$AAAA$AAAA", "iterations"},
      {"$7$101$AAAA$AAAA", "64 bytes"},
      {"$argon2id$", "malformed"},
      {"$argon2id$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "malformed"},
      {"$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "version"},
      {"$argon2id$v=19$m=1048577,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "1 GiB"},
      {"$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "1 GiB"},
      {"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "passes"},
      {"$argon2id$v=19$m=64,t=65,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "passes"},
      {"$argon2id$v=19$m=64,t=1,p=17$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "lanes"},
      {"$argon2id$v=19$m=7,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "8 KiB"},
      {"$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAA", "salt"},
      {"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA", "16 to 1024"},
      {"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA==", "16 to 1024"},
  }));
  CAPTURE(text);
  const auto hash = PasswordHash::parse(text);
  REQUIRE_FALSE(hash.has_value());
  CHECK_THAT(hash.error(), Catch::Contains(why));
}

TEST_CASE("absurd costs are not made", "[password_hash]") {
  CHECK_FALSE(
      PasswordHash::make("x", HashKind::sha512_pbkdf2, {.pbkdf2_iterations = 0}).has_value());
  CHECK_FALSE(
      PasswordHash::make("x", HashKind::argon2id, {.argon2id_memory_kib = 1U << 21U}).has_value());
}

TEST_CASE("a decoy costs the same and fits nothing", "[password_hash]") {
  for (const HashKind kind : {HashKind::argon2id, HashKind::sha512_pbkdf2, HashKind::sha512}) {
    const auto hash = PasswordHash::make("secret", kind, cheap);
    REQUIRE(hash.has_value());
    const PasswordHash decoy = hash->decoy();
    CHECK(decoy.cost_text() == hash->cost_text());
    CHECK(decoy.text() != hash->text());
    CHECK(decoy.verify("secret") == Match::no);
    CHECK(parsed(decoy.text()).verify("secret") == Match::no);
  }
}
