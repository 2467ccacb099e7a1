#include "transport/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace transport {

namespace {

constexpr std::string_view line_signature = "PROXY ";
constexpr std::string_view binary_signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t line_bytes_max = 107;
constexpr std::size_t fixed_bytes = 16;
constexpr std::size_t field_head_bytes = 3;

// Types of fields (TLVs), and of those within SSL.
constexpr unsigned crc32c_field = 0x03;
constexpr unsigned ssl_field = 0x20;
constexpr unsigned ssl_version_field = 0x21;
constexpr unsigned ssl_common_name_field = 0x22;
constexpr unsigned ssl_cipher_field = 0x23;

// Bits of SSL's first byte.
constexpr unsigned client_used_ssl = 0x01;
constexpr unsigned client_has_certificate = 0x02 | 0x04;  // in this connection, in its session

unsigned byte_at(mqtt::Bytes bytes, std::size_t at) noexcept {
  return std::to_integer<unsigned>(bytes[at]);
}

std::uint16_t u16_at(mqtt::Bytes bytes, std::size_t at) noexcept {
  return static_cast<std::uint16_t>((byte_at(bytes, at) << 8U) | byte_at(bytes, at + 1));
}

std::uint32_t u32_at(mqtt::Bytes bytes, std::size_t at) noexcept {
  return (std::uint32_t{u16_at(bytes, at)} << 16U) | u16_at(bytes, at + 2);
}

/// Whether both begin alike, as far as there is anything of them.
bool may_become(std::string_view text, std::string_view signature) noexcept {
  const std::size_t size = std::min(text.size(), signature.size());
  return text.substr(0, size) == signature.substr(0, size);
}

/// The words of a line, between single blanks.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t blank = line.find(' ');
    words.push_back(line.substr(0, blank));
    if (blank == line.npos) return words;
    line.remove_prefix(blank + 1);
  }
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool leading_zero = text.size() > 1 && text.front() == '0';
  if (error != std::errc() || end != text.data() + text.size() || leading_zero) return std::nullopt;
  return port;
}

/// An address of the family that the line named; its form has to agree.
std::optional<PeerAddress> parse_address(std::string_view text, bool ipv6, std::uint16_t port) {
  if ((text.find(':') != text.npos) != ipv6) return std::nullopt;
  return PeerAddress::parse(text, port);
}

template <std::size_t Size>
std::array<unsigned char, Size> array_of(mqtt::Bytes bytes) noexcept {
  std::array<unsigned char, Size> result{};
  std::ranges::transform(bytes.first(Size), result.begin(),
                         [](std::byte each) { return std::to_integer<unsigned char>(each); });
  return result;
}

/// RFC 3720, appendix B.4: a header comes once per connection, so bit by bit is fast enough.
std::uint32_t crc32c(std::uint32_t crc, mqtt::Bytes bytes) noexcept {
  constexpr std::uint32_t polynomial = 0x82F63B78;
  for (const std::byte each : bytes) {
    crc ^= std::to_integer<std::uint32_t>(each);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? polynomial : 0U);
  }
  return crc;
}

struct Tlv {
  unsigned type;
  mqtt::Bytes value;
};

/// Takes the next field off `rest`. Nothing if it is longer than the rest.
std::optional<Tlv> next_tlv(mqtt::Bytes& rest) noexcept {
  if (rest.size() < field_head_bytes) return std::nullopt;
  const std::size_t size = u16_at(rest, 1);
  if (rest.size() - field_head_bytes < size) return std::nullopt;
  const Tlv field{byte_at(rest, 0), rest.subspan(field_head_bytes, size)};
  rest = rest.subspan(field_head_bytes + size);
  return field;
}

bool has_good_checksum(mqtt::Bytes all, mqtt::Bytes value) noexcept {
  const auto at = static_cast<std::size_t>(value.data() - all.data());
  constexpr std::array<std::byte, 4> nothing{};
  std::uint32_t crc = crc32c(0xFFFFFFFF, all.first(at));
  crc = crc32c(crc, nothing);
  crc = crc32c(crc, all.subspan(at + nothing.size()));
  return ~crc == u32_at(value, 0);
}

}  // namespace

std::optional<std::string> ProxyHeader::user_name() const {
  if (!tls || !tls->verified || tls->common_name.empty()) return std::nullopt;
  const bool bad = std::ranges::any_of(tls->common_name, [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F;
  });
  return bad ? std::nullopt : std::optional(tls->common_name);
}

ProxyHeaderReader::Progress ProxyHeaderReader::fail(const char* why) noexcept {
  error_ = why;
  return Progress::malformed;
}

ProxyHeaderReader::Result ProxyHeaderReader::read(mqtt::Bytes bytes) {
  const std::size_t all = bytes.size();
  for (;;) {
    const std::size_t take = std::min(bytes.size(), wanted_bytes());
    seen_.append(bytes.first(take));
    bytes = bytes.subspan(take);
    const Progress progress = look();
    if (progress == Progress::complete) seen_.reset();
    if (progress != Progress::incomplete || bytes.empty()) return {progress, all - bytes.size()};
  }
}

/// How many bytes surely belong to the header: a line is read byte by byte once it may end.
std::size_t ProxyHeaderReader::wanted_bytes() const noexcept {
  const std::size_t size = seen_.size();
  if (version_ == ProxyVersion::v1) {
    return size < line_signature.size() ? line_signature.size() - size : 1;
  }
  if (size < fixed_bytes) return fixed_bytes - size;
  return fixed_bytes + u16_at(seen_.view(), fixed_bytes - 2) - size;
}

ProxyHeaderReader::Progress ProxyHeaderReader::look() {
  const std::string_view text = mqtt::as_text(seen_.view());
  const bool first = version_ == ProxyVersion::v1;
  const std::string_view own = first ? line_signature : binary_signature;
  const std::string_view other = first ? binary_signature : line_signature;
  if (!may_become(text, own)) {
    if (!may_become(text, other)) return fail("no PROXY protocol header came first");
    // The other one's first bytes are none of any protocol that is spoken here.
    if (text.size() < line_signature.size()) return Progress::incomplete;
    return fail(first ? "the header is of version 2, 'enable_proxy_protocol 1' expects version 1"
                      : "the header is of version 1, 'enable_proxy_protocol 2' expects version 2");
  }
  if (text.size() < own.size()) return Progress::incomplete;
  return first ? look_at_line() : look_at_binary();
}

ProxyHeaderReader::Progress ProxyHeaderReader::look_at_line() {
  const std::string_view text = mqtt::as_text(seen_.view());
  if (text.ends_with("\r\n")) {
    const char* const error = parse_line(text.substr(0, text.size() - 2));
    return error == nullptr ? Progress::complete : fail(error);
  }
  if (text.size() >= line_bytes_max) return fail("the header has no end within 107 bytes");
  return Progress::incomplete;
}

ProxyHeaderReader::Progress ProxyHeaderReader::look_at_binary() {
  if (seen_.size() < fixed_bytes) return Progress::incomplete;
  const std::size_t size = fixed_bytes + u16_at(seen_.view(), fixed_bytes - 2);
  if (size > bytes_max) return fail("the header is longer than 4096 bytes");
  if (seen_.size() < size) return Progress::incomplete;
  const char* const error = parse_binary(seen_.view());
  return error == nullptr ? Progress::complete : fail(error);
}

const char* ProxyHeaderReader::parse_line(std::string_view line) {
  const std::vector<std::string_view> words = words_of(line);
  const std::string_view protocol = words[1];
  if (protocol == "UNKNOWN") return nullptr;
  const bool ipv6 = protocol == "TCP6";
  if (!ipv6 && protocol != "TCP4") return "its protocol is not TCP4, TCP6 or UNKNOWN";
  constexpr std::size_t words_expected = 6;
  if (words.size() != words_expected) return "it has not two addresses and two ports";
  const auto source_port = parse_port(words[4]);
  if (!source_port || !parse_port(words[5])) return "a port is none";
  header_.source = parse_address(words[2], ipv6, *source_port);
  if (!header_.source || !parse_address(words[3], ipv6, 0)) return "an address is none";
  return nullptr;
}

const char* ProxyHeaderReader::parse_binary(mqtt::Bytes all) {
  const unsigned command = byte_at(all, 12);
  if (command >> 4U != 2) return "its version is not 2";
  const bool local = (command & 0x0FU) == 0;
  if (!local && (command & 0x0FU) != 1) return "its command is not LOCAL or PROXY";
  mqtt::Bytes rest = all.subspan(fixed_bytes);
  // Of LOCAL everything else is to be ignored.
  if (local) return nullptr;
  const unsigned family = byte_at(all, 13);
  if (const char* const error = parse_addresses(family, rest)) return error;
  return parse_fields(all, rest);
}

/// Takes the addresses off `rest`.
const char* ProxyHeaderReader::parse_addresses(unsigned family, mqtt::Bytes& rest) {
  constexpr std::array<std::size_t, 4> sizes = {0, 12, 36, 216};  // of UNSPEC, IPv4, IPv6, unix
  const unsigned protocol = family & 0x0FU;
  family >>= 4U;
  if (family >= sizes.size() || protocol > 2) return "its address family is not known";
  if (protocol == 2) return "it is about datagrams";
  // Bytes behind UNSPEC are to be ignored, fields included: their place is not defined.
  if (family == 0 || protocol == 0) {
    rest = {};
    return nullptr;
  }
  if (rest.size() < sizes.at(family)) return "it ends within its addresses";
  if (family == 1) {
    header_.source = PeerAddress(PeerAddress::Ipv4(array_of<4>(rest)), u16_at(rest, 8));
  } else if (family == 2) {
    header_.source = PeerAddress(PeerAddress::Ipv6(array_of<16>(rest)), u16_at(rest, 32));
  } else {
    header_.source = PeerAddress();
  }
  rest = rest.subspan(sizes.at(family));
  return nullptr;
}

const char* ProxyHeaderReader::parse_fields(mqtt::Bytes all, mqtt::Bytes rest) {
  while (!rest.empty()) {
    const auto field = next_tlv(rest);
    if (!field) return "a field is longer than the header";
    if (field->type == crc32c_field) {
      if (field->value.size() != 4) return "its checksum has not four bytes";
      if (!has_good_checksum(all, field->value)) return "its checksum is wrong";
    } else if (field->type == ssl_field) {
      if (const char* const error = parse_tls(field->value)) return error;
    }
  }
  return nullptr;
}

const char* ProxyHeaderReader::parse_tls(mqtt::Bytes value) {
  constexpr std::size_t head_bytes = 5;
  if (value.size() < head_bytes) return "its SSL field is too short";
  const unsigned client = byte_at(value, 0);
  if ((client & client_used_ssl) == 0) return nullptr;
  ProxyTls tls;
  tls.verified = (client & client_has_certificate) != 0 && u32_at(value, 1) == 0;
  for (mqtt::Bytes rest = value.subspan(head_bytes); !rest.empty();) {
    const auto field = next_tlv(rest);
    if (!field) return "a field is longer than its SSL field";
    const std::string_view text = mqtt::as_text(field->value);
    if (field->type == ssl_version_field) tls.version = text;
    if (field->type == ssl_common_name_field) tls.common_name = text;
    if (field->type == ssl_cipher_field) tls.cipher = text;
  }
  header_.tls = std::move(tls);
  return nullptr;
}

}  // namespace transport
