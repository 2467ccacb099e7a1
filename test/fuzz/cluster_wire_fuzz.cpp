// What nodes say to each other, from a hostile one: subjects, envelopes, records. Forms that are
// accepted are written as they were.

#include <string>
#include <string_view>

#include "broker/cluster/envelope.h"
#include "broker/cluster/records.h"
#include "broker/cluster/subject.h"
#include "broker/wire/topic.h"
#include "test/fuzz/input.h"

namespace {

using fuzz::require;

constexpr broker::Instant now{1'000'000};
constexpr std::string_view prefix = "P";

bool is_literal(std::string_view subject) {
  if (subject.empty() || subject.back() == '.' || subject.find("..") != std::string_view::npos) {
    return false;
  }
  return std::ranges::none_of(subject, [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '*' || c == '>';
  });
}

/// Two topics: each comes back from its subject, which is as different as they are.
void topics(fuzz::Input& input) {
  const std::string_view first = input.take(input.below(64));
  const std::string_view second = input.rest();
  std::string subjects[2];
  bool is_long[2] = {};
  int made = 0;
  for (const std::string_view topic : {first, second}) {
    if (!mqtt::check_topic_name(topic)) return;
    std::string& subject = subjects[made];
    is_long[made++] = !cluster::subject_of_topic(prefix, topic, subject);
    require(is_literal(subject), "NATS takes the subject of a topic");
    const auto back = cluster::topic_of_subject(prefix, subject);
    require(is_long[made - 1] ? !back : back == topic, "a topic comes back from its subject");
  }
  if (is_long[0] || is_long[1]) return;
  require((subjects[0] == subjects[1]) == (first == second), "a subject is of one topic");
}

void subject(fuzz::Input& input) {
  const std::string text = std::string(prefix) + std::string(input.rest());
  const auto topic = cluster::topic_of_subject(prefix, text);
  if (!topic) return;
  std::string again;
  require(cluster::subject_of_topic(prefix, *topic, again), "no long topic has a subject");
  require(again == text, "a topic has one subject");
}

void filter(fuzz::Input& input) {
  const std::string_view text = input.rest();
  if (!mqtt::check_topic_filter(text) || cluster::tokens_bytes(text) > cluster::tokens_bytes_max) {
    return;
  }
  const auto subjects = cluster::subjects_of_filter(prefix, text);
  require(!subjects.empty() && subjects.size() <= 2, "a filter has one subject or two");
}

void envelope(fuzz::Input& input) {
  const std::string topic(input.take(input.below(32)));
  const auto bytes = fuzz::exact_copy(input.rest());
  const auto envelope = cluster::decode(topic, bytes, now);
  if (!envelope) return require(!envelope.error().empty(), "a refusal says why");
  mqtt::ByteBuffer out;
  cluster::encode(*envelope, topic.empty(), now, out);
  require(mqtt::as_text(out.view()) == mqtt::as_text(bytes), "an envelope has one form");
}

template <typename Decode>
void record(fuzz::Input& input, Decode decode) {
  const auto bytes = fuzz::exact_copy(input.rest());
  const auto record = decode(bytes);
  if (!record) return require(!record.error().empty(), "a refusal says why");
  mqtt::ByteBuffer out;
  encode(*record, out);
  require(mqtt::as_text(out.view()) == mqtt::as_text(bytes), "a record has one form");
}

void key(fuzz::Input& input) {
  const std::string_view text = input.rest();
  const auto key = cluster::parse_record_key(text);
  if (key) require(cluster::record_key(key->node, key->kind) == text, "a key has one form");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.below(8)) {
    case 0:
      topics(input);
      break;
    case 1:
      subject(input);
      break;
    case 2:
      filter(input);
      break;
    case 3:
      envelope(input);
      break;
    case 4:
      record(input, cluster::decode_alive);
      break;
    case 5:
      record(input, cluster::decode_filters);
      break;
    case 6:
      key(input);
      break;
    default:
      record(input, cluster::decode_heard);
      break;
  }
  return 0;
}
