#include "persistence/mosquitto_db.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "broker/core/text.h"
#include "broker/wire/cursor.h"
#include "broker/wire/properties.h"

namespace persistence {
namespace {

/// The first bytes of every file.
constexpr std::string_view signature("\0\xB5\0mosquitto db", 15);
constexpr std::uint64_t header_bytes = signature.size() + 4 + 4;  // a checksum of 0, the version
/// A PUBLISH cannot be larger, so no payload in the file is.
constexpr std::uint32_t payload_bytes_max = mqtt::variable_byte_integer_max;
/// Everything of a message beside its payload: five texts of 65,535 bytes, and properties.
constexpr std::uint32_t chunk_bytes_max = 2 * payload_bytes_max;

enum Kind : std::uint32_t {
  configuration_kind = 1,
  message_kind = 2,
  delivery_kind = 3,
  retained_kind = 4,
  subscription_kind = 5,
  session_kind = 6,
};

MosquittoDamage unreadable() { return {0, std::string("cannot be read: ") + std::strerror(errno)}; }

}  // namespace

std::string MosquittoDamage::sentence() const {
  return "damaged at byte " + std::to_string(offset) + ": " + what;
}

/// Takes the fields of a chunk off its front.
///
/// Invariant  After the first field that does not fit every other is zero or empty, and damage()
///            tells of the first.
class MosquittoDb::Fields {
 public:
  Fields(mqtt::Bytes body, std::uint64_t offset) : rest_(body), end_(offset + body.size()) {}

  mqtt::Bytes take(std::size_t count, std::string_view name) {
    if (damage_) return {};
    if (rest_.size() < count) {
      fail("expected " + std::to_string(count) + " bytes of " + std::string(name) + ", found " +
           std::to_string(rest_.size()) + " before the end of the chunk");
      return {};
    }
    const mqtt::Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  std::string_view text(std::size_t count, std::string_view name) {
    return mqtt::as_text(take(count, name));
  }
  /// A text behind two bytes that tell its size.
  std::string_view sized_text(std::string_view name) {
    const std::size_t count = two_bytes(name);
    return text(count, name);
  }
  std::uint8_t byte(std::string_view name) {
    return static_cast<std::uint8_t>(big_endian(1, name));
  }
  std::uint16_t two_bytes(std::string_view name) {
    return static_cast<std::uint16_t>(big_endian(2, name));
  }
  std::uint32_t four_bytes(std::string_view name) {
    return static_cast<std::uint32_t>(big_endian(4, name));
  }
  /// Numbers of eight bytes stand as the machine has them in memory: the lowest byte first.
  std::uint64_t eight_bytes(std::string_view name) {
    std::uint64_t value = 0;
    std::size_t shift = 0;
    for (const std::byte each : take(8, name)) {
      value |= std::to_integer<std::uint64_t>(each) << shift;
      shift += 8;
    }
    return value;
  }
  /// Seconds since 1970; 0 is none.
  std::int64_t time(std::string_view name) {
    constexpr std::int64_t year_10000_s = 253'402'300'800;
    const auto seconds = static_cast<std::int64_t>(eight_bytes(name));
    if (damage_ || (seconds >= 0 && seconds < year_10000_s)) return seconds;
    fail("expected " + std::string(name) + " in seconds since 1970, found " +
             std::to_string(seconds),
         8);
    return 0;
  }
  std::uint8_t at_most(std::uint8_t most, std::string_view name) {
    const std::uint8_t value = byte(name);
    if (damage_ || value <= most) return value;
    fail("expected " + std::string(name) + ", 0 to " + std::to_string(most) + ", found " +
             std::to_string(value),
         1);
    return 0;
  }
  /// A block of properties with its length in front, which is all that is left; or nothing.
  mqtt::Bytes properties() {
    if (damage_ || rest_.empty()) return {};
    mqtt::Cursor cursor(rest_);
    const auto block = mqtt::take_property_block(cursor);
    if (!block || !cursor.at_end()) {
      fail("expected properties that fill the rest of the chunk");
      return {};
    }
    mqtt::Cursor inside(*block);
    mqtt::Property property;
    while (mqtt::take_property(inside, property)) {
    }
    if (!inside.at_end()) {
      rest_ = inside.rest();
      fail("expected a property");
      return {};
    }
    rest_ = {};
    return *block;
  }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }
  void fail(std::string what, std::size_t bytes_back = 0) {
    if (!damage_) damage_ = {end_ - rest_.size() - bytes_back, std::move(what)};
  }
  /// Says that nothing may follow.
  void end() {
    if (!damage_ && !rest_.empty()) {
      fail("expected the end of the chunk, found " + std::to_string(rest_.size()) + " more bytes");
    }
  }
  [[nodiscard]] const std::optional<MosquittoDamage>& damage() const noexcept { return damage_; }

 private:
  std::uint64_t big_endian(std::size_t count, std::string_view name) {
    std::uint64_t value = 0;
    for (const std::byte each : take(count, name)) {
      value = value << 8U | std::to_integer<std::uint64_t>(each);
    }
    return value;
  }

  mqtt::Bytes rest_;
  std::uint64_t end_;
  std::optional<MosquittoDamage> damage_;
};

MosquittoDb::Read<MosquittoDb> MosquittoDb::open(File file) {
  MosquittoDb db;
  db.file_ = std::move(file);
  if (::fseeko(db.file_.get(), 0, SEEK_END) != 0) return std::unexpected(unreadable());
  db.size_bytes_ = static_cast<std::uint64_t>(::ftello(db.file_.get()));
  if (auto begun = db.rewind(); !begun) return std::unexpected(begun.error());
  return db;
}

MosquittoDb::Read<void> MosquittoDb::rewind() {
  if (::fseeko(file_.get(), 0, SEEK_SET) != 0) return std::unexpected(unreadable());
  offset_ = 0;
  begun_ = false;
  return read_header();
}

MosquittoDb::Read<mqtt::Bytes> MosquittoDb::take(std::uint64_t count, std::string_view name) {
  const std::uint64_t left = size_bytes_ - offset_;
  if (left < count) {
    return std::unexpected(MosquittoDamage{
        offset_, "expected " + std::to_string(count) + " bytes of " + std::string(name) +
                     ", found " + std::to_string(left) + " before the end of the file"});
  }
  body_.resize(static_cast<std::size_t>(count));
  if (std::fread(body_.data(), 1, body_.size(), file_.get()) != body_.size()) {
    return std::unexpected(MosquittoDamage{offset_, "expected " + std::to_string(count) +
                                                        " bytes of " + std::string(name) +
                                                        ", found an end or an error of the disk"});
  }
  offset_ += count;
  return mqtt::Bytes(body_);
}

MosquittoDb::Read<void> MosquittoDb::read_header() {
  const auto header = take(header_bytes, "the header");
  if (!header) return std::unexpected(header.error());
  if (!mqtt::as_text(*header).starts_with(signature)) {
    return std::unexpected(MosquittoDamage{0, "expected the signature of Mosquitto's files"});
  }
  Fields fields(header->subspan(header_bytes - 4), header_bytes - 4);
  version_ = fields.four_bytes("the version");
  if (version_ < version_min || version_ > version_max) {
    return std::unexpected(MosquittoDamage{
        header_bytes - 4, "expected version " + std::to_string(version_min) + " to " +
                              std::to_string(version_max) + ", found " + std::to_string(version_)});
  }
  return {};
}

MosquittoDb::Read<MosquittoDb::Head> MosquittoDb::read_head() {
  const std::uint64_t begin = offset_;
  const auto bytes = take(packed() ? 8 : 6, "a chunk's kind and length");
  if (!bytes) return std::unexpected(bytes.error());
  Fields fields(*bytes, begin);
  Head head;
  head.kind = packed() ? fields.four_bytes("the kind") : fields.two_bytes("the kind");
  head.size_bytes = fields.four_bytes("the length");
  if (head.kind < configuration_kind || head.kind > session_kind) {
    return std::unexpected(MosquittoDamage{
        begin, "expected a chunk of kind 1 to 6, found kind " + std::to_string(head.kind)});
  }
  if (begun_ != (head.kind != configuration_kind)) {
    return std::unexpected(MosquittoDamage{
        begin, begun_ ? "expected one chunk of kind 1 (configuration), found a second"
                      : "expected a chunk of kind 1 (configuration) first, found kind " +
                            std::to_string(head.kind)});
  }
  if (head.size_bytes > chunk_bytes_max) {
    return std::unexpected(MosquittoDamage{
        offset_ - 4, "expected a length of at most " + std::to_string(chunk_bytes_max) +
                         " bytes, found " + std::to_string(head.size_bytes)});
  }
  return head;
}

MosquittoDb::Read<std::optional<MosquittoDb::Chunk>> MosquittoDb::next() {
  if (offset_ == size_bytes_ && begun_) return std::nullopt;
  const auto head = read_head();
  if (!head) return std::unexpected(head.error());
  begun_ = true;
  static constexpr std::array<std::string_view, session_kind + 1> names = {
      "",         "configuration", "a message", "a delivery", "a retained topic", "a subscription",
      "a session"};
  const std::uint64_t begin = offset_;
  const auto body = take(head->size_bytes, names[head->kind]);
  if (!body) return std::unexpected(body.error());
  Fields fields(*body, begin);
  std::optional<Chunk> chunk;
  switch (head->kind) {
    case configuration_kind:
      chunk = configuration(fields);
      break;
    case message_kind:
      chunk = message(fields);
      break;
    case delivery_kind:
      chunk = delivery(fields);
      break;
    case retained_kind:
      chunk = Retained{fields.eight_bytes("a message id")};
      break;
    case subscription_kind:
      chunk = subscription(fields);
      break;
    default:
      chunk = session(fields);
      break;
  }
  fields.end();
  if (fields.damage()) return std::unexpected(*fields.damage());
  return chunk;
}

MosquittoDb::Configuration MosquittoDb::configuration(Fields& fields) const {
  Configuration made;
  if (packed()) made.last_message_id = fields.eight_bytes("the last message id");
  made.at_shutdown = fields.byte("the shutdown flag") != 0;
  const std::uint8_t id_bytes = fields.byte("the size of message ids");
  if (id_bytes != 8) fields.fail("expected message ids of 8 bytes", 1);
  // A block of fixed size is padded up to a multiple of the machine's alignment: 8, or 4.
  if (packed()) fields.take(fields.left() == 2 ? 2 : 6, "padding");
  if (!packed()) made.last_message_id = fields.eight_bytes("the last message id");
  return made;
}

MosquittoDb::Message MosquittoDb::message(Fields& fields) const {
  Message made;
  made.id = fields.eight_bytes("a message id");
  if (packed()) {
    made.expires_s = fields.time("the time of expiry");
    const std::uint32_t payload_size = fields.four_bytes("the size of the payload");
    static_cast<void>(fields.two_bytes("the publisher's packet identifier"));
    const std::uint16_t client_id_size = fields.two_bytes("the size of the client id");
    const std::uint16_t user_name_size = fields.two_bytes("the size of the user name");
    const std::uint16_t topic_size = fields.two_bytes("the size of the topic");
    made.listener_port = fields.two_bytes("the listener's port");
    made.qos = fields.at_most(2, "a QoS");
    made.retain = fields.byte("the retain flag") != 0;
    made.client_id = fields.text(client_id_size, "client id");
    made.user_name = fields.text(user_name_size, "user name");
    made.topic = fields.text(topic_size, "topic");
    made.payload = fields.take(payload_size, "payload");
    made.properties = fields.properties();
    return made;
  }
  made.client_id = fields.sized_text("client id");
  if (version_ >= 4) {
    made.user_name = fields.sized_text("user name");
    made.listener_port = fields.two_bytes("the listener's port");
  }
  static_cast<void>(fields.two_bytes("the publisher's packet identifier"));
  static_cast<void>(fields.two_bytes("a packet identifier"));
  made.topic = fields.sized_text("topic");
  made.qos = fields.at_most(2, "a QoS");
  made.retain = fields.byte("the retain flag") != 0;
  const std::uint32_t payload_size = fields.four_bytes("the size of the payload");
  made.payload = fields.take(payload_size, "payload");
  return made;
}

MosquittoDb::Session MosquittoDb::session(Fields& fields) const {
  Session made;
  if (!packed()) {
    made.client_id = fields.sized_text("client id");
    made.last_packet_id = fields.two_bytes("the last packet identifier");
    // The time of the disconnect, as wide as the machine's clock. Nothing is made of it.
    fields.take(fields.left() == 4 ? 4 : 8, "the time of the disconnect");
    return made;
  }
  made.expires_s = fields.time("the time of expiry");
  made.expiry_interval_s = fields.four_bytes("the expiry interval");
  made.last_packet_id = fields.two_bytes("the last packet identifier");
  const std::size_t client_id_size = fields.two_bytes("the size of the client id");
  std::size_t user_name_size = 0;
  if (version_ >= 6) {
    made.listener_port = fields.two_bytes("the listener's port");
    user_name_size = fields.two_bytes("the size of the user name");
    if (fields.left() != client_id_size + user_name_size) fields.take(4, "padding");
  }
  made.client_id = fields.text(client_id_size, "client id");
  made.user_name = fields.text(user_name_size, "user name");
  return made;
}

MosquittoDb::Delivery MosquittoDb::delivery(Fields& fields) const {
  Delivery made;
  if (!packed()) made.client_id = fields.sized_text("client id");
  made.message_id = fields.eight_bytes("a message id");
  made.packet_id = fields.two_bytes("a packet identifier");
  constexpr auto last_state = static_cast<std::uint8_t>(State::queued);
  if (packed()) {
    const std::uint16_t client_id_size = fields.two_bytes("the size of the client id");
    made.qos = fields.at_most(2, "a QoS");
    made.state = static_cast<State>(fields.at_most(last_state, "a state"));
    const std::uint8_t flags = fields.byte("the retain and DUP flags");
    made.retain = (flags & 0xF0U) != 0;
    made.dup = (flags & 0x0FU) != 0;
    made.from_client = fields.at_most(1, "a direction") == 0;
    made.client_id = fields.text(client_id_size, "client id");
    made.properties = fields.properties();
    return made;
  }
  made.qos = fields.at_most(2, "a QoS");
  made.retain = fields.byte("the retain flag") != 0;
  made.from_client = fields.at_most(1, "a direction") == 0;
  made.state = static_cast<State>(fields.at_most(last_state, "a state"));
  made.dup = fields.byte("the DUP flag") != 0;
  return made;
}

MosquittoDb::Subscription MosquittoDb::subscription(Fields& fields) const {
  Subscription made;
  if (!packed()) {
    made.client_id = fields.sized_text("client id");
    made.filter = fields.sized_text("topic filter");
    made.qos = fields.at_most(2, "a QoS");
    return made;
  }
  made.identifier = fields.four_bytes("a subscription identifier");
  const std::uint16_t client_id_size = fields.two_bytes("the size of the client id");
  const std::uint16_t filter_size = fields.two_bytes("the size of the topic filter");
  made.qos = fields.at_most(2, "a QoS");
  const std::uint8_t options = fields.byte("the subscription options");
  made.no_local = (options & 0x04U) != 0;
  made.retain_as_published = (options & 0x08U) != 0;
  fields.take(2, "padding");
  made.client_id = fields.text(client_id_size, "client id");
  made.filter = fields.text(filter_size, "topic filter");
  return made;
}

}  // namespace persistence
