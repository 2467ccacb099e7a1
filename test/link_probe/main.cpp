// link-probe ADDRESS [OPTION VALUE]...: connects to an MQTT server by all that a link has, and
// sends a message to itself. It prints how it is connected; or why it is not, and then ends with 1.
//
// Options: --ca FILE, --cert FILE, --key FILE, --psk IDENTITY:KEY, --alpn NAME, --name SERVER,
// --insecure host|all, --field "NAME: VALUE", --proxy [USER:PASSWORD@]HOST:PORT, --bytes COUNT

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include "transport/link/runner.h"
#include "transport/link/tls.h"

namespace {

using transport::ClientRunner;
using transport::LinkAddress;

constexpr std::int64_t deadline_seconds = 20;

struct Arguments {
  transport::LinkOptions link;
  transport::LinkTlsOptions tls;
  std::size_t bytes = 1000;
};

int fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  return 1;
}

std::pair<std::string, std::string> halves(std::string_view text, std::string_view between) {
  const std::size_t at = std::min(text.find(between), text.size());
  return {std::string(text.substr(0, at)),
          std::string(text.substr(std::min(at + between.size(), text.size())))};
}

/// Takes one option. False: there is none of that name.
bool take(Arguments& all, std::string_view name, const std::string& value) {
  if (name == "--ca") {
    all.tls.ca_file = value;
  } else if (name == "--cert") {
    all.tls.certificate_file = value;
  } else if (name == "--key") {
    all.tls.key_file = value;
  } else if (name == "--psk") {
    std::tie(all.tls.psk_identity, all.tls.psk_key) = halves(value, ":");
  } else if (name == "--alpn") {
    all.tls.alpn.push_back(value);
  } else if (name == "--name") {
    all.tls.server_name = value;
  } else if (name == "--insecure") {
    all.tls.check_host_name = false;
    all.tls.check_certificate = value != "all";
  } else if (name == "--field") {
    all.link.websocket.fields.push_back(halves(value, ": "));
  } else if (name == "--proxy") {
    const auto address = LinkAddress::parse(value);
    if (!address) return false;
    all.link.proxy = {.host = address->host,
                      .port = address->port,
                      .user_name = address->user_name,
                      .password = address->password.value_or("")};
  } else if (name == "--bytes") {
    all.bytes = std::stoul(value);
  } else {
    return false;
  }
  return true;
}

/// A conversation: subscribe, publish, receive, disconnect.
class Conversation {
 public:
  explicit Conversation(const Arguments& arguments)
      : payload_(arguments.bytes, 'x'),
        runner_(client_options(arguments.link), arguments.link),
        end_(broker::after_seconds(runner_.now(), deadline_seconds)) {}

  int run() {
    runner_.client().start(runner_.now());
    while (!result_) {
      const auto event = runner_.next(end_);
      if (!event) return fail("no answer in time");
      std::visit([this](const auto& said) { on(said); }, *event);
    }
    runner_.close();
    return *result_;
  }

 private:
  static client::Options client_options(const transport::LinkOptions& link) {
    client::Options options;
    options.user_name = link.address.user_name;
    options.password = link.address.password;
    return options;
  }

  void on(const client::Connected& /*connected*/) {
    std::printf("%s\n", runner_.link().description().c_str());
    topic_ = "probe/" + std::string(runner_.client().client_id());
    mqtt::Subscribe packet;
    packet.entries = {{.filter = topic_, .qos = mqtt::Qos::exactly_once}};
    check(runner_.client().subscribe(packet, client::Token{1}, runner_.now()));
  }
  void on(const client::Answered& /*answered*/) {
    const client::Publication publication{
        .topic = topic_, .payload = mqtt::as_bytes(payload_), .qos = mqtt::Qos::exactly_once};
    check(runner_.client().publish(publication, client::Token{2}, runner_.now()));
  }
  void on(const client::Message& message) {
    is_right_ = mqtt::as_text(message.publish.payload) == payload_;
    runner_.client().disconnect({}, runner_.now());
  }
  void on(const client::Disconnected& ended) {
    using Cause = client::Disconnected::Cause;
    if (ended.cause == Cause::asked) {
      result_ = is_right_ ? 0 : fail("another message came");
    } else if (ended.cause == Cause::closed) {
      result_ = fail(runner_.last_end().text);
    } else {
      result_ = fail("refused: " + std::to_string(static_cast<unsigned>(ended.reason)) + " " +
                     std::string(ended.what));
    }
  }
  template <typename Other>
  void on(const Other& /*other*/) {}

  void check(client::Accepted accepted) {
    if (accepted != client::Accepted::accepted) result_ = fail("the client does not take it");
  }

  std::string payload_;
  ClientRunner runner_;
  broker::Instant end_;
  std::string topic_;
  std::optional<int> result_;
  bool is_right_ = false;
};

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (count < 2) return fail("link-probe ADDRESS [OPTION VALUE]...");
  const auto address = LinkAddress::parse(words[1]);
  if (!address) return fail(address.error());
  arguments.link.address = *address;
  for (int at = 2; at < count; at += 2) {
    if (at + 1 == count || !take(arguments, words[at], words[at + 1])) {
      return fail("not understood: " + std::string(words[at]));
    }
  }
  if (address->has_tls()) {
    auto tls = transport::LinkTls::load(arguments.tls);
    if (!tls) return fail(tls.error());
    for (const std::string& warning : (*tls)->warnings()) {
      std::printf("warning: %s\n", warning.c_str());
    }
    arguments.link.tls = std::move(*tls);
  }
  return Conversation(arguments).run();
}
