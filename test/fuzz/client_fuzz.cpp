// A client and a hostile server: one byte says what happens next. The server says sensible things
// and nonsense, the caller publishes, acknowledges and reconnects, and time goes on.

#include <optional>
#include <set>
#include <string>
#include <variant>

#include "broker/client/client.h"
#include "broker/wire/framer.h"
#include "test/fuzz/input.h"
#include "test/vectors/build.h"
#include "test/vectors/decode_any.h"

namespace {

using fuzz::require;
using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
using vectors::block;
using vectors::packet;
using vectors::text;
using vectors::u16;
using vectors::u32;
using vectors::u8;

constexpr std::string_view topics[] = {"t", "t/a", "topic/b", "topic/c", "$SYS/x", ""};
constexpr Version versions[] = {Version::v5_0, Version::v3_1_1, Version::v5_0, Version::v3_1};
constexpr std::int64_t times[] = {1, 100, 900, 5000, 30'000, 86'400'000};
constexpr std::uint16_t sizes[] = {0, 1, 20, 130, 600, 5000};

client::Options options_of(fuzz::Input& input) {
  client::Options options;
  options.version = input.pick(versions);
  options.client_id = "c";
  const unsigned bits = input.byte();
  options.clean_start = (bits & 1U) != 0;
  options.session_expiry_interval_seconds = (bits & 2U) != 0 ? 60 : 0;
  options.keep_alive_seconds = (bits & 4U) != 0 ? 10 : 0;
  options.bridge = (bits & 8U) != 0 && options.version != Version::v5_0;
  options.receive_maximum = (bits & 16U) != 0 ? 3 : 65'535;
  options.packet_bytes_max = (bits & 32U) != 0 ? 700 : 0;
  options.reconnect.enabled = (bits & 64U) != 0;
  if ((bits & 128U) != 0) options.acknowledge = client::Acknowledge::by_caller;
  const unsigned more = input.byte();
  options.inflight_max = (more & 1U) != 0 ? 2 : 20;
  options.inflight_bytes_max = (more & 2U) != 0 ? 1000 : 1'000'000;
  options.output_bytes_max = (more & 4U) != 0 ? 300 : 100'000;
  options.requests_max = 3;
  options.topic_alias_in_max = (more & 8U) != 0 ? 3 : 0;
  options.topic_alias_out_max = (more & 16U) != 0 ? 2 : 0;
  if ((more & 32U) != 0 && options.version == Version::v5_0) options.authentication_method = "M";
  options.reconnect.longest_milliseconds = (more & 64U) != 0 ? 60'000 : 0;
  options.seed = more;
  return options;
}

class Story {
 public:
  explicit Story(fuzz::Input input)
      : input_(input), options_(options_of(input_)), client_(options_) {}

  void run() {
    while (!input_.empty()) {
      step();
      settle();
    }
    require(client_.in_flight() <= options_.inflight_max, "the window keeps to its limit");
    restart();
  }

 private:
  [[nodiscard]] bool v5() const { return options_.version == Version::v5_0; }
  [[nodiscard]] std::string properties(const std::string& all) const {
    return v5() ? block(all) : "";
  }

  void step() {
    switch (input_.below(20)) {
      case 0:
      case 1:
        return open();
      case 2:
        return connack();
      case 3:
      case 4:
      case 5:
        return publish();
      case 6:
      case 7:
        return message();
      case 8:
      case 9:
      case 10:
        return hear(packet(input_.pick({0x40U, 0x50U, 0x62U, 0x70U}), u16(input_.byte() % 6U)));
      case 11:
        return acknowledge();
      case 12:
        return request();
      case 13:
        return hear(
            packet(input_.flag() ? 0x90 : 0xB0, u16(input_.byte() % 6U) + properties("") +
                                                    std::string(input_.take(input_.byte() % 3U))));
      case 14:
        return pass();
      case 15:
        client_.closed(now_);
        return;
      case 16:
        return hear(packet(input_.byte(), input_.take(input_.byte() % 64U)));
      case 17:
        return hear(input_.take(1U + input_.byte() % 64U));
      case 18:
        writes_ = !writes_;
        return;
      default:
        return rarely();
    }
  }

  void rarely() {
    switch (input_.below(4)) {
      case 0:
        client_.disconnect({}, now_);
        return;
      case 1:
        return restart();
      case 2:
        if (!options_.authentication_method) return;
        static_cast<void>(
            client_.authenticate(mqtt::Reason::re_authenticate, mqtt::as_bytes("d"), now_));
        return;
      default:
        feeds_bytes_ = !feeds_bytes_;
    }
  }

  void open() {
    client_.closed(now_);
    drain_events();
    client_.opened(now_);
    if (input_.flag()) connack();
  }

  void connack() {
    const unsigned bits = input_.byte();
    std::string all;
    if ((bits & 2U) != 0) all += u8(0x21) + u16(1U + input_.byte() % 4U);
    if ((bits & 4U) != 0) all += u8(0x22) + u16(input_.byte() % 4U);
    if ((bits & 8U) != 0) all += u8(0x27) + u32(20U + input_.byte());
    if ((bits & 16U) != 0) all += u8(0x24) + u8(input_.byte() & 1U);
    if ((bits & 32U) != 0) all += u8(0x25) + u8(0);
    if ((bits & 64U) != 0) all += u8(0x13) + u16(input_.byte());
    const unsigned code = (bits & 128U) != 0 ? input_.byte() : 0;
    hear(packet(0x20, u8(bits & 1U) + u8(code) + properties(all)));
  }

  void publish() {
    const std::string payload(input_.pick(sizes), 'x');
    client::Publication publication{.topic = topics[input_.below(5)],
                                    .payload = mqtt::as_bytes(std::string_view(payload))};
    publication.qos = Qos{static_cast<std::uint8_t>(input_.below(3))};
    publication.retain = input_.flag();
    if (input_.byte() % 8U == 0) publication.packet_id = PacketId{input_.two()};
    const auto token = client::Token{next_token_++};
    const auto accepted = client_.publish(publication, token, now_);
    const bool awaited =
        accepted == client::Accepted::accepted && publication.qos != Qos::at_most_once;
    if (awaited) awaited_.insert(token);
  }

  void message() {
    const unsigned qos = input_.byte() % 3U;
    const unsigned bits = input_.byte();
    std::string body = text(topics[input_.below(6)]);
    if (qos > 0) body += u16(1U + input_.byte() % 5U);
    body += properties((bits & 1U) != 0 ? u8(0x23) + u16(input_.byte() % 5U) : "");
    const unsigned dup = qos > 0 && (bits & 2U) != 0 ? 8U : 0U;
    hear(packet(0x30U | qos << 1U | dup, body + std::string(input_.pick(sizes), 'y')));
  }

  void acknowledge() {
    if (receipts_.empty() || options_.acknowledge == client::Acknowledge::at_once) return;
    const std::size_t place = input_.below(std::min<std::size_t>(receipts_.size(), 256));
    client_.acknowledge(receipts_[place],
                        input_.flag() ? mqtt::Reason::success : mqtt::Reason::quota_exceeded, now_);
    if (input_.flag()) receipts_.erase(receipts_.begin() + static_cast<std::ptrdiff_t>(place));
  }

  void request() {
    if (input_.flag()) {
      mqtt::Subscribe subscribe;
      subscribe.entries = {{.filter = "t/#"}, {.filter = "u"}};
      static_cast<void>(client_.subscribe(subscribe, {}, now_));
    } else {
      mqtt::Unsubscribe unsubscribe;
      unsubscribe.filters = {"t/#"};
      static_cast<void>(client_.unsubscribe(unsubscribe, {}, now_));
    }
  }

  void pass() {
    now_.milliseconds += input_.pick(times);
    const auto wake = client_.next_wake();
    if (wake && input_.flag()) now_ = std::max(now_, *wake);
  }

  /// The process ends and begins again with what was saved.
  void restart() {
    const client::SavedSession saved = client_.save(now_);
    client_ = client::Client(options_);
    client_.restore(saved, now_);
    const client::SavedSession again = client_.save(now_);
    require(again.incoming == saved.incoming, "incoming identifiers survive");
    require(again.outgoing.size() == saved.outgoing.size(), "publications survive");
    for (std::size_t i = 0; i < saved.outgoing.size(); ++i) {
      require(again.outgoing[i].packet_id == saved.outgoing[i].packet_id, "so does their order");
    }
    // What a session's end has finished and the caller was not told goes with the process.
    awaited_.clear();
    for (const auto& one : saved.outgoing) awaited_.insert(one.token);
    receipts_.clear();
  }

  void hear(std::string_view bytes) {
    const auto copy = fuzz::exact_copy(bytes);
    const mqtt::Bytes all(copy);
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t count = feeds_bytes_ ? 1 : all.size();
      const auto piece = fuzz::exact_copy(mqtt::as_text(all.subspan(at, count)));
      client_.feed(piece, now_);
      drain_events();
      at += count;
    }
  }

  void settle() {
    drain_events();
    if (!writes_) return;
    read_output();
    client_.output().clear();
    drain_events();
  }

  void drain_events() {
    // Each event has a cause: what was heard, what was asked for, a window of publications.
    for (int i = 0; i < 10'000; ++i) {
      auto event = client_.next(now_);
      if (!event) return;
      std::visit([this](const auto& said) { on(said); }, *event);
    }
    require(false, "events come to an end");
  }

  void on(const client::Message& said) {
    seen_ += said.publish.topic.size() + said.publish.payload.size();
    require(!said.publish.topic.empty(), "a message has a topic");
    for (const std::byte byte : said.publish.payload) seen_ += std::to_integer<unsigned>(byte);
    for (const char byte : said.publish.topic) seen_ += static_cast<unsigned char>(byte);
    if (said.publish.qos != Qos::at_most_once) receipts_.push_back(said.receipt);
  }
  void on(const client::Released& said) { receipts_.push_back(said.receipt); }
  void on(const client::Acknowledged& said) {
    require(awaited_.erase(said.token) == 1, "a publication is finished once");
    for (const char byte : said.reason_string) seen_ += static_cast<unsigned char>(byte);
  }
  void on(const client::Dropped& said) {
    require(awaited_.erase(said.token) == 1, "a publication is dropped once");
  }
  void on(const client::Disconnected& said) {
    read_output();
    require(!client_.connected(), "a connection that is over is over");
    require(said.opens.has_value() ==
                (options_.reconnect.enabled && said.cause != client::Disconnected::Cause::asked),
            "a new connection comes if the options say so");
  }
  void on(const client::Connected&) { require(client_.connected(), "connected means it"); }
  void on(const client::Room&) { require(client_.has_room(Qos::at_most_once), "room means it"); }
  template <typename Other>
  void on(const Other&) {}

  /// What the client wrote is what a server of its version takes.
  void read_output() {
    const auto copy = fuzz::exact_copy(mqtt::as_text(client_.output().view()));
    mqtt::Bytes rest(copy);
    while (!rest.empty()) {
      const auto frame = mqtt::next_frame(rest, SIZE_MAX, options_.version);
      require(frame && *frame, "the client writes whole packets");
      const auto outcome = vectors::decode_frame(**frame, options_.version);
      require(outcome.accepted(), "the client writes packets that decode");
      if (client_.connected()) check_size(**frame);
      rest = rest.subspan((*frame)->size_bytes);
    }
  }
  void check_size(const mqtt::Frame& frame) {
    if (frame.type == PacketType::connect) return;
    require(frame.size_bytes <= client_.terms().packet_bytes_max, "packets are not too large");
  }
  fuzz::Input input_;
  client::Options options_;
  client::Client client_;
  std::set<client::Token> awaited_;
  std::vector<client::Receipt> receipts_;
  std::uint64_t next_token_ = 1;
  std::size_t seen_ = 0;
  bool writes_ = true;
  bool feeds_bytes_ = false;
  client::Instant now_{1'000'000};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Story({data, size}).run();
  return 0;
}
