// What proxies say about a client: a PROXY protocol header, cut anywhere, and header fields of
// HTTP. However spoilt they are, nothing is read past its end, cuts change nothing, and what stands
// to the left of an untrusted hop is never believed.

#include <algorithm>
#include <string>

#include "test/fuzz/input.h"
#include "transport/forwarded.h"
#include "transport/proxy_protocol.h"

namespace {

using fuzz::require;
using transport::Forwarded;
using transport::ProxyHeaderReader;
using Progress = ProxyHeaderReader::Progress;

struct Heard {
  Progress progress = Progress::incomplete;
  std::size_t used = 0;
};

Heard feed(ProxyHeaderReader& reader, std::string_view stream, std::size_t step) {
  Heard heard;
  for (std::size_t at = 0; at < stream.size() && heard.progress == Progress::incomplete;) {
    const auto piece = fuzz::exact_copy(stream.substr(at, step));
    const auto [progress, used] = reader.read(piece);
    require(used <= piece.size(), "no more is used than there is");
    require(progress != Progress::incomplete || used == piece.size(), "all of a part is used");
    heard = {progress, at + used};
    at += piece.size();
  }
  return heard;
}

void read_header(transport::ProxyVersion version, std::string_view stream, std::size_t step) {
  ProxyHeaderReader at_once(version);
  const Heard whole = feed(at_once, stream, std::max<std::size_t>(stream.size(), 1));
  ProxyHeaderReader in_pieces(version);
  const Heard cut = feed(in_pieces, stream, step);
  require(whole.progress == cut.progress, "cuts change nothing");
  require(at_once.error() == in_pieces.error(), "not even the reason");
  require((whole.progress == Progress::malformed) == !at_once.error().empty(), "there is one");
  require(whole.used <= ProxyHeaderReader::bytes_max, "a header is bounded");
  if (whole.progress != Progress::complete) return;
  require(whole.used == cut.used, "the same header");
  require(at_once.header().source == in_pieces.header().source, "the same client");
  require(at_once.header().user_name() == in_pieces.header().user_name(), "the same user");
  const auto name = at_once.header().user_name();
  require(!name || (!name->empty() && name->find('\0') == name->npos), "a name is one");
}

transport::HttpRequest request_of(std::string_view name, std::string_view value) {
  transport::HttpRequest request;
  request.fields.emplace_back(name, value);
  return request;
}

void read_fields(transport::RealIpHeader header, std::string_view name, std::string_view value) {
  transport::Networks trusted;
  for (const std::string_view each : {"10.0.0.0/8", "::1", "unix"}) {
    require(trusted.add(each), "a network");
  }
  const Forwarded found = forwarded_for(request_of(name, value), header, trusted);
  const bool named = found.kind != Forwarded::Kind::absent;
  require(named == !found.field.empty(), "a field that says so");
  if (found.kind == Forwarded::Kind::known && !trusted.contains(found.address)) {
    const auto again = transport::PeerAddress::parse(found.address.text(), found.address.port());
    require(again == found.address, "an address that can be written and read");
  }
  // A proxy adds to the right whom it sees: nothing that was there before may outdo it.
  const std::string added =
      std::string(value) + (name == "forwarded" ? ", for=192.0.2.7" : ", 192.0.2.7");
  const Forwarded client = forwarded_for(request_of(name, added), header, trusted);
  if (!named && client.kind == Forwarded::Kind::absent) return;  // a field that is not asked for
  require(client.kind == Forwarded::Kind::known && client.address.text() == "192.0.2.7",
          "the last proxy's word counts");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const unsigned bits = input.byte();
  const std::size_t step = 1U + input.byte() % 64U;
  const std::string_view text = input.rest();
  if ((bits & 1U) == 0) {
    read_header((bits & 2U) == 0 ? transport::ProxyVersion::v1 : transport::ProxyVersion::v2, text,
                step);
    return 0;
  }
  constexpr std::string_view names[] = {"x-forwarded-for", "forwarded", "x-real-ip"};
  const std::string_view name = names[(bits >> 1U) % 3];
  read_fields(static_cast<transport::RealIpHeader>((bits >> 4U) % 4), name, text);
  static_cast<void>(transport::Network::parse(text));
  const transport::HttpRequest request = request_of("x-request-id", text);
  const std::string_view id = transport::request_id_of(request);
  require(id.find_first_of(" \r\n'\"") == id.npos, "an id fits into a log line");
  return 0;
}
