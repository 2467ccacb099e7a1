#include "broker/wire/cursor.h"

#include <catch2/catch.hpp>

#include "test/wire/reader.h"

using mqtt::Cursor;

namespace {

Cursor over(std::string_view text) { return Cursor(mqtt::as_bytes(text)); }

}  // namespace

TEST_CASE("integers are read with the most significant byte first", "[cursor]") {
  Cursor cursor = over(std::string_view("\x01\x02\x03\x04\x05\x06\x07", 7));
  CHECK(cursor.byte() == 0x01);
  CHECK(cursor.two_byte_integer() == 0x0203);
  CHECK(cursor.four_byte_integer() == 0x04050607U);
  CHECK(cursor.at_end());
}

TEST_CASE("a read that does not fit returns nothing and leaves the cursor where it was",
          "[cursor]") {
  Cursor cursor = over(std::string_view("\x00\x05\x61", 3));
  CHECK_FALSE(cursor.four_byte_integer());
  CHECK_FALSE(cursor.binary());
  CHECK_FALSE(cursor.text());
  CHECK_FALSE(cursor.take(4));
  CHECK(cursor.rest().size() == 3);
  CHECK(cursor.two_byte_integer() == 5);
  CHECK_FALSE(cursor.two_byte_integer());
  CHECK_FALSE(cursor.text());
  CHECK(cursor.byte() == 0x61);
  CHECK_FALSE(cursor.byte());
  CHECK_FALSE(cursor.variable_byte_integer());
  CHECK(cursor.take(0));
}

TEST_CASE("a variable byte integer takes as few bytes as its value needs [MQTT-1.5.5-1]",
          "[cursor]") {
  const auto [value, size] = GENERATE(table<std::uint32_t, std::size_t>({
      {0, 1},
      {127, 1},
      {128, 2},
      {16'383, 2},
      {16'384, 3},
      {2'097'151, 3},
      {2'097'152, 4},
      {268'435'455, 4},
  }));
  const std::uint32_t number = value;
  CAPTURE(number);
  const std::string bytes =
      written([&](auto& out) { mqtt::write_variable_byte_integer(out, number); });
  CHECK(bytes.size() == size);
  CHECK(mqtt::variable_byte_integer_size(number) == size);
  CHECK(Reader(bytes).varint() == number);
  Cursor cursor = over(bytes);
  CHECK(cursor.variable_byte_integer() == number);
  CHECK(cursor.at_end());
}

TEST_CASE("a variable byte integer longer than it need be is taken, one of five bytes is not",
          "[cursor]") {
  Cursor longer = over(std::string_view("\x81\x80\x80\x00", 4));
  CHECK(longer.variable_byte_integer() == 1);
  Cursor five = over(std::string_view("\x80\x80\x80\x80\x01", 5));
  CHECK_FALSE(five.variable_byte_integer());
  CHECK(five.rest().size() == 5);
  Cursor cut = over(std::string_view("\x80\x80", 2));
  CHECK_FALSE(cut.variable_byte_integer());
}

TEST_CASE("texts and binaries carry two bytes of length", "[cursor]") {
  const std::string bytes = written([](auto& out) {
    mqtt::write_text(out, "A");
    mqtt::write_binary(out, {});
    mqtt::write_two_byte_integer(out, 0xABCD);
    mqtt::write_four_byte_integer(out, 0x01020304);
  });
  CHECK(bytes == std::string("\x00\x01\x41\x00\x00\xAB\xCD\x01\x02\x03\x04", 11));
  Cursor cursor = over(bytes);
  CHECK(cursor.text() == "A");
  CHECK(cursor.binary()->empty());
}
