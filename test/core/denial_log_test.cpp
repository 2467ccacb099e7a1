#include "broker/core/denial_log.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/session_table.h"

namespace {

using broker::Denial;
using broker::Instant;
using broker::Session;
using Strings = std::vector<std::string>;

constexpr std::uint64_t hash_key[2] = {1, 2};

class Lines final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType type) const noexcept override {
    return type == broker::LogType::notice;
  }
  void write(broker::LogType /*type*/, std::string_view line) override { all.emplace_back(line); }
  void write_event(broker::LogType type, const broker::LogFields& fields,
                   std::string_view line) override {
    event = fields.event;
    client_id = fields.client_id;
    write(type, line);
  }
  [[nodiscard]] Strings take() { return std::exchange(all, {}); }

  Strings all;
  broker::Event event = broker::Event::message;
  std::string client_id;
};

struct Scene {
  [[nodiscard]] std::uint64_t denied(Denial kind) const {
    return metrics.denied[static_cast<std::size_t>(kind)];
  }

  broker::Metrics metrics;
  Lines lines;
  broker::SessionTable sessions{hash_key};
  broker::DenialLog log{metrics, lines};
  Instant now{1'000'000};
  Session& session = sessions.create("c");
};

}  // namespace

TEST_CASE("a denied PUBLISH is counted, and told once a second", "[denial_log]") {
  Scene scene;
  for (int i = 0; i < 3; ++i) scene.log.count(Denial::publish, scene.session, "a", scene.now);
  CHECK(scene.denied(Denial::publish) == 3);
  CHECK(scene.lines.take() == Strings{"Denied PUBLISH from c to 'a': its rights are others now."});
  scene.now = after_seconds(scene.now, 1);
  scene.log.tell(scene.now);
  CHECK(scene.lines.take() == Strings{"Denied PUBLISH 2 more times."});
}

TEST_CASE("each kind of denial has its own event", "[denial_log]") {
  Scene scene;
  using enum broker::Event;
  for (const auto& [kind, event] :
       {std::pair{Denial::publish, publish_denied}, std::pair{Denial::will, will_denied}}) {
    scene.log.count(kind, scene.session, "a", scene.now);
    CHECK(scene.lines.event == event);
    CHECK(scene.lines.client_id == "c");
  }
  scene.log.count_filter(scene.session, "a", false, scene.now);
  CHECK(scene.lines.event == subscribe_denied);
  scene.log.count_withheld(scene.session, "a", scene.now);
  CHECK(scene.lines.event == delivery_denied);
}

TEST_CASE("each kind of denial has its own line a second", "[denial_log]") {
  Scene scene;
  scene.log.count(Denial::publish, scene.session, "$SYS/a", scene.now);
  scene.log.count(Denial::will, scene.session, "w", scene.now);
  scene.log.count_filter(scene.session, "f/#", false, scene.now);
  CHECK(scene.lines.take() ==
        Strings{"Denied PUBLISH from c to '$SYS/a': clients may not publish there.",
                "Denied will from c to 'w': its rights are others now.",
                "Denied SUBSCRIBE from c to 'f/#': its rights are others now."});
}

TEST_CASE("a filter that is granted though nothing will come is told as such", "[denial_log]") {
  Scene scene;
  scene.log.count_filter(scene.session, "f", true, scene.now);
  CHECK(scene.lines.take() == Strings{"Denied SUBSCRIBE from c to 'f' (granted, but nothing will "
                                      "come): its rights are others now."});
}

TEST_CASE("withheld messages of a client are told once an hour", "[denial_log]") {
  Scene scene;
  const std::string line =
      "Denied delivery to c of 'a': its rights are others now; others are counted in "
      "$SYS/broker/denied/receive.";
  scene.log.count_withheld(scene.session, "a", scene.now);
  CHECK(scene.lines.take() == Strings{line});
  for (int second = 1; second < 3600; second += 600) {
    scene.log.count_withheld(scene.session, "a", after_seconds(scene.now, second));
  }
  CHECK(scene.lines.take().empty());
  CHECK(scene.denied(Denial::receive) == 7);
  scene.log.count_withheld(scene.session, "a", after_seconds(scene.now, 3600));
  CHECK(scene.lines.take() == Strings{line});
}

TEST_CASE("other rights make withheld messages news again", "[denial_log]") {
  Scene scene;
  scene.log.count_withheld(scene.session, "a", scene.now);
  scene.log.forget();
  scene.log.count_withheld(scene.session, "a", after_seconds(scene.now, 2));
  CHECK(scene.lines.take().size() == 2);
}
