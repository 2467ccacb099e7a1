// Writes what the fuzzers begin with: for each target a folder of small files, made from the shared
// table of packets and from the files that people write. Always the same.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

#include "broker/cluster/member_record.h"
#include "broker/cluster/session_record.h"
#include "test/persistence/mosquitto_file.h"
#include "test/vectors/build.h"
#include "test/vectors/packets.h"
#include "test/vectors/peer_messages.h"
#include "test/vectors/session_images.h"

namespace {

namespace fs = std::filesystem;
using vectors::u8;

constexpr std::size_t seed_bytes_max = 2000;

class Seeds {
 public:
  Seeds(const fs::path& root, const std::string& target) : folder_(root / target) {
    fs::create_directories(folder_);
  }

  void add(std::string_view bytes) {
    if (bytes.size() > seed_bytes_max) return;
    std::ofstream(folder_ / std::to_string(count_++), std::ios::binary) << bytes;
  }
  void add_file(const fs::path& path, const std::string& front = {}) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw fs::filesystem_error("cannot be read", path, std::error_code());
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    // In parts, so that each is small: whole lines.
    for (std::size_t at = 0; at < whole.size();) {
      const std::size_t far = std::min(at + seed_bytes_max / 2, whole.size());
      const std::size_t end = far == whole.size() ? far : whole.rfind('\n', far) + 1;
      add(front + whole.substr(at, end - at));
      at = end > at ? end : far;
    }
  }
  /// Stories for interpreters of opcodes: any bytes are one.
  void add_noise(std::size_t count, std::size_t bytes) {
    std::minstd_rand random(static_cast<unsigned>(bytes));
    for (; count > 0; --count) {
      std::string story(bytes, '\0');
      for (char& byte : story) byte = static_cast<char>(random() >> 7U);
      add(story);
    }
  }

 private:
  fs::path folder_;
  std::size_t count_ = 0;
};

std::string version_byte(mqtt::Version version) {
  return u8(version == mqtt::Version::v5_0 ? 0 : version == mqtt::Version::v3_1_1 ? 1 : 2);
}

void packets(const fs::path& root) {
  Seeds wire(root, "wire");
  Seeds framer(root, "framer");
  Seeds trace(root, "trace");
  const std::string connect =
      vectors::packet(0x10, vectors::text("MQTT") + u8(5) + u8(2) + vectors::u16(0) +
                                vectors::block("") + vectors::text("c"));
  for (const vectors::Packet& packet : vectors::all_packets()) {
    wire.add(u8(0) + version_byte(packet.version) + packet.bytes);
    trace.add(version_byte(packet.version) + u8(2) + u8(0) + packet.bytes + packet.bytes);
    // Of the broken ones few: they end a stream where it begins.
    if (packet.valid()) framer.add(u8(3) + u8(0) + connect + packet.bytes);
  }
  for (const vectors::Packet& packet : vectors::all_server_packets()) {
    wire.add(u8(6) + version_byte(packet.version) + packet.bytes);
    trace.add(version_byte(packet.version) + u8(3) + u8(4) + packet.bytes);
  }
  for (unsigned part = 1; part <= 5; ++part) {
    for (const vectors::Packet& packet : vectors::property_packets()) {
      if (packet.valid() && packet.bytes.size() < 40) wire.add(u8(part) + packet.bytes);
    }
  }
}

void peer_messages(const fs::path& root) {
  Seeds seeds(root, "peer_wire");
  const std::string limit = vectors::u16(0xFFFF);
  std::string story = limit;
  for (const vectors::PeerBytes& message : vectors::peer_messages()) {
    seeds.add(limit + message.bytes);
    if (message.valid() && message.bytes.size() < 200) story += message.bytes;
  }
  seeds.add(story);
}

void session_images(const fs::path& root) {
  Seeds seeds(root, "session_wire");
  for (const auto& [name, bytes] : vectors::session_images()) seeds.add(bytes);
}

/// [0: two topics, 1: subject, 2: filter, 3: envelope, 4 and 5: records, 6: key, 7: heard], a text
/// or bytes.
void cluster_wire(const fs::path& root) {
  Seeds seeds(root, "cluster_wire");
  seeds.add(u8(0) + u8(5) + "a/b.c" + "a/b%c");
  seeds.add(u8(0) + u8(3) + "$a/" + "//");
  seeds.add(u8(0) + u8(1) + "x" + std::string(1025, 'x'));
  for (const char* subject : {".t.a.b", ".s.$a.%", ".t.%2Ea.%20", ".l", ".t.%25%2A"}) {
    seeds.add(u8(1) + subject);
  }
  for (const char* filter : {"a/+/#", "#", "$a/#", "/+", "a.b/*"}) seeds.add(u8(2) + filter);
  const std::string run = std::string(2, '\0') + "123456";
  const std::string ids = run + u8(7) + std::string(7, '\0');
  const auto text = [](std::string_view value) {
    return u8(static_cast<unsigned>(value.size())) + std::string(3, '\0') + std::string(value);
  };
  const std::string property = u8(0x26) + vectors::text("k") + vectors::text("v");
  seeds.add(u8(3) + u8(3) + "a/b" + u8(1) + u8(5) + ids + u8(0) + text("") + text("") + "hi");
  seeds.add(u8(3) + u8(0) + u8(1) + u8(2) + ids + u8(1) + u8(99) + std::string(7, '\0') +
            text(property) + text("a/b") + "payload");
  seeds.add(u8(4) + u8(1) + ids + u8(1) + u8(0) + std::string(40, '\0'));
  seeds.add(u8(5) + u8(1) + run + u8(2) + std::string(3, '\0') + text("a/#") + text("$a/+") +
            ids.substr(8));
  seeds.add(u8(6) + "node-1.alive");
  seeds.add(u8(7) + u8(1) + ids + text("node-1"));
  seeds.add(u8(6) + "n.filters");
}

void session_records(const fs::path& root) {
  Seeds seeds(root, "session_record");
  cluster::SessionRecord record{
      .epoch = 3, .owner = cluster::MemberId{7}, .holder = cluster::MemberId{8}, .state = {}};
  record.state.subscriptions.push_back({.filter = "a/+/#", .since = 42});
  record.state.cursor = 100;
  record.state.done = {{.first = 102, .last = 110}, {.first = 120, .last = 120}};
  record.state.numbers_reserved = 1041;
  mqtt::ByteBuffer session;
  encode(record, session);
  seeds.add(std::string(mqtt::as_text(session.view())));
  mqtt::ByteBuffer member;
  encode(cluster::MemberRecord{.name = "node-1", .beat = 12, .seen = 99, .dead = false}, member);
  seeds.add(std::string(mqtt::as_text(member.view())));
}

std::string frame(unsigned first, std::string_view payload) {
  return u8(first) + u8(0x80U | static_cast<unsigned>(payload.size())) + std::string(4, '\0') +
         std::string(payload);
}

void websocket(const fs::path& root) {
  Seeds frames(root, "websocket");
  const std::string front = u8(2) + vectors::u32(70'000) + u8(0);
  frames.add(front + frame(0x82, "payload"));
  frames.add(front + frame(0x02, "first") + frame(0x89, "ping") + frame(0x80, "last"));
  frames.add(front + frame(0x8A, "") + frame(0x88, vectors::u16(1000) + "done"));
  frames.add(front + u8(0x82) + u8(0xFE) + vectors::u16(130) + "mask" + std::string(130, 'x'));
  frames.add(front + u8(0x82) + u8(0xFF) + vectors::u32(0) + vectors::u32(70'000) + "mask");
  frames.add(front + frame(0x81, "text"));
  Seeds handshakes(root, "handshake");
  const std::string request =
      "GET /mqtt HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  handshakes.add(u8(0) + u8(5) + request + "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
  handshakes.add(u8(3) + u8(5) + request +
                 "Origin: http://a.example\r\nSec-WebSocket-Protocol: x, mqttv3.1\r\n\r\n");
  handshakes.add(u8(0) + u8(60) + request + "\r\n");
  handshakes.add(u8(0) + u8(9) + "HEAD / HTTP/1.0\r\n\r\n");
  handshakes.add(u8(1) + u8(9) + "POST /other?a=b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
}

/// [a way of link_fuzz] [1: the proxy accepts, 2: the server does] [step], then what comes.
void links(const fs::path& root) {
  Seeds seeds(root, "link");
  const auto from_server = [](unsigned first, std::string_view payload) {
    return u8(first) + u8(static_cast<unsigned>(payload.size())) + std::string(payload);
  };
  const std::string message = from_server(0x82, "message");
  const std::string open = u8(0) + u8(2) + u8(2);
  seeds.add(open + message + from_server(0x89, "ping") + from_server(0x8A, ""));
  seeds.add(open + from_server(0x02, "a") + from_server(0x00, "b") + from_server(0x80, "c"));
  seeds.add(open + message + from_server(0x88, vectors::u16(1008) + "policy"));
  seeds.add(open + from_server(0x81, "text") + message);
  seeds.add(open + u8(0x82) + u8(0x7E) + vectors::u16(200) + std::string(200, 'x'));
  seeds.add(u8(1) + u8(3) + u8(5) + message);
  const std::string refusal = "HTTP/1.1 403 Forbidden\r\nServer: nginx\r\n\r\nno";
  seeds.add(u8(0) + u8(0) + u8(3) + refusal);
  seeds.add(u8(1) + u8(0) + u8(3) + refusal);
  seeds.add(u8(0) + u8(0) + u8(3) +
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
  seeds.add(u8(3) + u8(0) + u8(0) + vectors::packet(0x20, vectors::u16(0)));
}

/// [0] [size] payload, format; or [1: URL, 2: address, 3: options, 4: JSON, 5: DNS] [tool], a text.
void shells(const fs::path& root) {
  Seeds seeds(root, "shell");
  for (const char* format : {"%p%x%X%f%d%t%l%m%q%r%%", "%-20.10t|%020p|%.2:x", "%j", "%J %A%C%D%E",
                             "@H:@M:@S.@N @@ %I %U\\n\\t\\\\"}) {
    seeds.add(u8(0) + u8(8) + "{\"a\":1} " + format);
  }
  for (const char* url : {"mqtts://ann:se:cret@[2001:db8::1]:8883/a/b", "unix:///run/x",
                          "wss://h/t", "MQTT://h:1/"}) {
    seeds.add(u8(1) + u8(0) + url);
    seeds.add(u8(2) + u8(0) + url);
  }
  seeds.add(u8(2) + u8(0) + "2001:db8::1");
  seeds.add(u8(3) + u8(0) +
            "# a\n-t a/b\r\n -m a b\n-q 2\n-D publish user-property a b c\n-x 0x10");
  seeds.add(u8(3) + u8(1) + "-t a/#\n-F %p\n-C 3\n--ws-header A: b\n-T a/+\n-c\n-i x\n-V 311");
  seeds.add(u8(3) + u8(2) +
            "-L ws://h/t\n-e r\n-n\n--will-topic w\n--will-payload p\n-S\n--proxy x");
  seeds.add(u8(4) + u8(0) + "[{\"a\":[1.5e-3,-0,\"\\u00e4\\ud83d\\ude00\\n\"],\"a\":null},true]");
  const std::string question = vectors::u16(7) + vectors::u16(0x8180) + vectors::u16(1) +
                               vectors::u16(2) + vectors::u32(0) + u8(1) + "a" + u8(0) +
                               vectors::u16(33) + vectors::u16(1);
  const auto record = [](const std::string& data) {
    return vectors::u16(0xC00C) + vectors::u16(33) + vectors::u16(1) + vectors::u32(60) +
           vectors::text(data);
  };
  seeds.add(
      u8(5) + u8(0) + question +
      record(vectors::u32(0x000A0005) + vectors::u16(1883) + u8(1) + "b" + vectors::u16(0xC00C)) +
      record(vectors::u32(0) + vectors::u16(1) + u8(0)));
}

/// [0 or 2 for a header of version 1 or 2] [step], [odd for a header field] [step].
void callers(const fs::path& root) {
  Seeds seeds(root, "caller");
  seeds.add(u8(0) + u8(3) + "PROXY TCP4 192.0.2.7 198.51.100.1 49152 1883\r\nCONNECT");
  seeds.add(u8(0) + u8(9) + "PROXY TCP6 2001:db8::7 ::1 1 65535\r\n");
  seeds.add(u8(0) + u8(9) + "PROXY UNKNOWN\r\n");
  const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
  const std::string ipv4 = vectors::u32(0xC0000207) + vectors::u32(0xC6336401) +
                           vectors::u16(49152) + vectors::u16(1883);
  const std::string ssl = u8(7) + vectors::u32(0) + u8(0x21) + vectors::text("TLSv1.3") + u8(0x22) +
                          vectors::text("ann");
  for (const std::string& rest : {ipv4, ipv4 + u8(0x20) + vectors::text(ssl),
                                  ipv4 + u8(0x03) + vectors::text("\xC0\x0D\x97\xA6")}) {
    seeds.add(u8(2) + u8(5) + signature + u8(0x21) + u8(0x11) + vectors::text(rest));
  }
  seeds.add(u8(2) + u8(5) + signature + u8(0x21) + u8(0x21) + vectors::text(std::string(36, '2')));
  seeds.add(u8(2) + u8(5) + signature + u8(0x20) + u8(0) + vectors::u16(0));
  seeds.add(u8(1) + u8(0) + "203.0.113.66, [2001:db8::1]:4711, unix:, 10.0.0.1:80");
  seeds.add(u8(3) + u8(0) + "for=_a;proto=https, For=\"[2001:db8::1]:4711\";by=\"a\\\"b\"");
  seeds.add(u8(5) + u8(0) + "192.0.2.7");
}

void files(const fs::path& root, const fs::path& source) {
  Seeds conf(root, "conf");
  conf.add_file(source / "conf/mosquitto.conf", u8(0));
  conf.add_file(source / "conf/darter.toml", u8(1));
  Seeds nginx(root, "nginx");
  nginx.add_file(source / "test/system/browser/nginx.conf.template");
  nginx.add(
      "stream{server{listen 1;proxy_pass 127.0.0.1:1883;}}http{upstream u{server unix:/s;}"
      "limit_req_zone $server_name zone=z:1m rate=1r/s;server{listen 80;ssl_certificate /c;"
      "ssl_certificate_key /k;location = /mqtt{proxy_pass http://u/x;limit_req zone=z;"
      "proxy_read_timeout 1h30m;proxy_set_header Upgrade $http_upgrade;}}}events{}");
  nginx.add("a \"b\\\"c\" '' ${d}e;#f\ninclude self;g_by_lua_block { { } }h{i{j k;}}");
  conf.add(u8(0) +
           "per_listener_settings true\nallow_anonymous true\nlistener 1883 127.0.0.1\n"
           "listener 9001\nprotocol websockets\nwebsockets_origin http://a.example\n"
           "password_file /etc/p\nlog_dest file /var/log/d\nlog_type all\n");
  conf.add(u8(1) +
           "persistence = true\nlog_dest = [\"stderr\", \"topic\"]\n[[listener]]\n"
           "port = 1883\naccept_protocol_versions = [3, 4, 5]\n[[listener]]\n"
           "unix_socket_path = \"/run/d\"\n");
  Seeds passwords(root, "password_file");
  passwords.add(
      "# users\nann:$7$101$c2FsdHNhbHQ=$"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n");
  passwords.add(
      "bob:$6$c2FsdHNhbHQ=$"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n");
  passwords.add(
      "eve:$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n no colon\nx:y:z\n");
  Seeds acl(root, "acl_file");
  acl.add(u8(1) +
          "topic read #\nuser ann\ntopic readwrite a/b c\ntopic deny $SYS/#\n"
          "pattern write %c/%u/+\nuser bob\ntopic +/b/#\n");
  acl.add_noise(20, 60);
}

void mosquitto(const fs::path& root) {
  Seeds db(root, "mosquitto_db");
  Seeds import(root, "mosquitto_import");
  for (std::uint32_t version = 3; version <= 6; ++version) {
    test::MosquittoFile file(version);
    db.add(file.bytes());
    file.add(test::MosquittoFile::Session{.client_id = "c", .user_name = "u"});
    file.add(test::MosquittoFile::Message{.topic = "t/a", .payload = "hello", .retain = true});
    file.retain(1);
    file.add(test::MosquittoFile::Message{.id = 2, .topic = "t", .qos = 2, .port = 1884});
    file.add(test::MosquittoFile::Subscription{.filter = "$share/g/t/#", .identifier = 3});
    file.add(test::MosquittoFile::Delivery{});
    file.add(test::MosquittoFile::Delivery{
        .message_id = 2, .packet_id = 7, .qos = 2, .state = test::MosquittoFile::State::queued});
    file.add(test::MosquittoFile::Delivery{.message_id = 2,
                                           .packet_id = 9,
                                           .qos = 2,
                                           .state = test::MosquittoFile::State::wait_for_pubrel,
                                           .from_client = true});
    db.add(file.bytes());
    import.add(file.bytes());
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fprintf(stderr, "usage: fuzz-seeds FOLDER SOURCE_TREE\n");
    return 2;
  }
  const fs::path root = words[1];
  packets(root);
  peer_messages(root);
  session_images(root);
  cluster_wire(root);
  session_records(root);
  websocket(root);
  links(root);
  shells(root);
  callers(root);
  mosquitto(root);
  files(root, words[2]);
  Seeds(root, "topic_trie").add_noise(20, 300);
  Seeds(root, "announced_filters").add_noise(20, 300);
  Seeds(root, "shard").add_noise(100, 600);
  Seeds(root, "client").add_noise(100, 400);
  Seeds(root, "store").add_noise(100, 400);
  return 0;
}
