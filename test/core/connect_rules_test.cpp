#include "broker/core/connect_rules.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace {

using broker::Connection;
using broker::ConnectRules;
using mqtt::Reason;
using mqtt::Version;

/// The rules of one listener, and a connection to it.
struct Scene {
  [[nodiscard]] Reason check() const {
    const auto failure = rules.check(connection, packet);
    return failure ? failure->reason : Reason::success;
  }
  void as(Version version, bool clean_start = true) {
    packet.version = version;
    packet.clean_start = clean_start;
  }

  broker::Limits limits;
  std::vector<broker::ListenerPolicy> listeners{1};
  broker::ListenerPolicy& policy{listeners[0]};
  ConnectRules rules{limits, listeners};
  Connection connection{{}, 0};
  mqtt::Connect packet = [] {
    mqtt::Connect made;
    made.client_id = "sensor";
    made.keep_alive_seconds = 60;
    return made;
  }();
};

mqtt::Will will_of(mqtt::Qos qos, bool retain = false) {
  mqtt::Will will;
  will.topic = "t";
  will.payload = mqtt::as_bytes("gone");
  will.qos = qos;
  will.retain = retain;
  return will;
}

}  // namespace

TEST_CASE("a plain CONNECT may come in", "[connect_rules]") {
  CHECK(Scene().check() == Reason::success);
}

TEST_CASE("a protocol version that the listener does not accept is refused", "[connect_rules]") {
  Scene scene;
  scene.policy.accept_v3_1_1 = false;
  CHECK(scene.check() == Reason::success);
  scene.as(Version::v3_1_1);
  const auto failure = scene.rules.check(scene.connection, scene.packet);
  REQUIRE(failure.has_value());
  CHECK(failure->reason == Reason::unsupported_protocol_version);
  CHECK(scene.rules.explain(scene.packet, *failure) ==
        "MQTT 3.1.1 is not among accept_protocol_versions of its listener");
}

TEST_CASE("an empty client identifier needs a broker that makes one [MQTT3-3.1.3-8]",
          "[connect_rules]") {
  Scene scene;
  scene.packet.client_id = {};
  const auto [version, clean_start, allowed, reason] = GENERATE(table<Version, bool, bool, Reason>({
      {Version::v5_0, false, true, Reason::success},
      {Version::v5_0, false, false, Reason::unspecified_error},
      {Version::v3_1_1, true, true, Reason::success},
      {Version::v3_1_1, false, true, Reason::client_identifier_not_valid},
      {Version::v3_1, true, true, Reason::client_identifier_not_valid},
  }));
  scene.as(version, clean_start);
  scene.policy.allow_zero_length_clientid = allowed;
  CHECK(scene.check() == reason);
}

TEST_CASE("clientid_prefixes keep others out", "[connect_rules]") {
  Scene scene;
  scene.limits.clientid_prefixes = {"device-", "sen"};
  CHECK(scene.check() == Reason::success);
  scene.packet.client_id = "other";
  CHECK(scene.check() == Reason::not_authorized);
}

TEST_CASE("the user name may be the client identifier", "[connect_rules]") {
  Scene scene;
  scene.policy.use_username_as_clientid = true;
  CHECK(scene.check() == Reason::not_authorized);
  scene.packet.user_name = "alice";
  CHECK(scene.check() == Reason::success);
  CHECK(scene.rules.client_id_of(scene.connection, scene.packet) == "alice");
}

TEST_CASE("a client without an identifier is assigned one, once", "[connect_rules]") {
  Scene scene;
  CHECK_FALSE(scene.rules.wants_client_id(scene.connection, scene.packet));
  scene.packet.client_id = {};
  CHECK(scene.rules.wants_client_id(scene.connection, scene.packet));
  scene.connection.texts().assigned_id = broker::HeapText("auto-1");
  CHECK_FALSE(scene.rules.wants_client_id(scene.connection, scene.packet));
  CHECK(scene.rules.client_id_of(scene.connection, scene.packet) == "auto-1");
  CHECK(scene.rules.connack_for(scene.connection, scene.packet).assigned_client_identifier ==
        "auto-1");
}

TEST_CASE("where TLS names the user, the words of CONNECT do not count", "[connect_rules]") {
  Scene scene;
  scene.packet.user_name = "mallory";
  scene.packet.password = mqtt::as_bytes("secret");
  scene.rules.identify(scene.connection, scene.packet);
  CHECK(scene.packet.user_name == "mallory");
  scene.policy.user_name_from_tls = true;
  scene.rules.identify(scene.connection, scene.packet);
  CHECK_FALSE(scene.packet.user_name.has_value());
  CHECK_FALSE(scene.packet.password.has_value());
  CHECK(scene.check() == Reason::bad_user_name_or_password);
  scene.connection.texts().tls_user_name = broker::HeapText("alice");
  scene.rules.identify(scene.connection, scene.packet);
  CHECK(scene.packet.user_name == "alice");
  CHECK(scene.check() == Reason::success);
}

TEST_CASE("a keep alive above max_keepalive is refused before 5.0 [MQTT-3.2.2-21]",
          "[connect_rules]") {
  Scene scene;
  scene.limits.max_keepalive_seconds = 30;
  CHECK(scene.check() == Reason::success);
  CHECK(scene.rules.keep_alive_of(scene.connection, scene.packet) == 30);
  CHECK(scene.rules.connack_for(scene.connection, scene.packet).server_keep_alive_seconds == 30);
  scene.as(Version::v3_1_1);
  const auto failure = scene.rules.check(scene.connection, scene.packet);
  REQUIRE(failure.has_value());
  CHECK(failure->reason == Reason::client_identifier_not_valid);
  CHECK(scene.rules.explain(scene.packet, *failure)
            .starts_with("keep alive 60 exceeds max_keepalive 30;"));
  scene.packet.keep_alive_seconds = 0;
  CHECK(scene.rules.explain(scene.packet, *failure)
            .starts_with("keep alive 0 (none) exceeds max_keepalive 30;"));
  scene.limits.max_keepalive_cap = true;
  CHECK(scene.check() == Reason::success);
  CHECK(scene.rules.keep_alive_of(scene.connection, scene.packet) == 30);
}

TEST_CASE("no authentication method is served [MQTT-4.12.0-1]", "[connect_rules]") {
  Scene scene;
  scene.packet.authentication_method = "SCRAM-SHA-1";
  CHECK(scene.check() == Reason::bad_authentication_method);
}

TEST_CASE("a will keeps to the limits of a PUBLISH [MQTT-3.2.2-12] [MQTT-3.2.2-13]",
          "[connect_rules]") {
  Scene scene;
  scene.packet.will = will_of(mqtt::Qos::exactly_once, true);
  CHECK(scene.check() == Reason::success);
  SECTION("QoS") {
    scene.policy.max_qos = mqtt::Qos::at_least_once;
    CHECK(scene.check() == Reason::qos_not_supported);
  }
  SECTION("retain") {
    scene.limits.retain_available = false;
    CHECK(scene.check() == Reason::retain_not_supported);
  }
  SECTION("size") {
    scene.limits.message_size_limit_bytes = 3;
    CHECK(scene.check() == Reason::packet_too_large);
    scene.as(Version::v3_1_1);
    CHECK(scene.check() == Reason::not_authorized);
  }
}

TEST_CASE("a session expires when the client says, within persistent_client_expiration",
          "[connect_rules]") {
  Scene scene;
  scene.packet.session_expiry_interval_seconds = 100;
  CHECK(scene.rules.expiry_interval_of(scene.connection, scene.packet) == 100);
  scene.limits.persistent_client_expiration_seconds = 60;
  CHECK(scene.rules.expiry_interval_of(scene.connection, scene.packet) == 60);
  CHECK(scene.rules.connack_for(scene.connection, scene.packet).session_expiry_interval_seconds ==
        60U);
  scene.as(Version::v3_1_1, false);
  CHECK(scene.rules.expiry_interval_of(scene.connection, scene.packet) == 60);
  scene.as(Version::v3_1_1, true);
  CHECK(scene.rules.expiry_interval_of(scene.connection, scene.packet) == 0);
  scene.limits.persistent_client_expiration_seconds = -1;
  scene.as(Version::v3_1_1, false);
  CHECK(scene.rules.expiry_interval_of(scene.connection, scene.packet) ==
        broker::session_never_expires);
}

TEST_CASE("no limit on clients holds for the broker's own bridges", "[connect_rules]") {
  Scene scene;
  scene.policy.is_for_bridges = true;
  scene.limits.persistent_client_expiration_seconds = 60;
  scene.limits.max_keepalive_seconds = 30;
  scene.limits.clientid_prefixes = {"x"};
  scene.packet.session_expiry_interval_seconds = broker::session_never_expires;
  scene.packet.keep_alive_seconds = 0;
  CHECK(scene.check() == Reason::success);
  CHECK(scene.rules.expiry_interval_of(scene.connection, scene.packet) ==
        broker::session_never_expires);
  CHECK(scene.rules.keep_alive_of(scene.connection, scene.packet) == 0);
}

TEST_CASE("CONNACK names limits that differ from the protocol's own [MQTT-3.2.2-9]",
          "[connect_rules]") {
  Scene scene;
  scene.policy.max_topic_alias = 0;
  mqtt::Connack answer = scene.rules.connack_for(scene.connection, scene.packet);
  CHECK_FALSE(answer.receive_maximum.has_value());
  CHECK_FALSE(answer.maximum_qos.has_value());
  CHECK_FALSE(answer.topic_alias_maximum.has_value());
  scene.limits.receive_maximum = 20;
  scene.limits.retain_available = false;
  scene.policy.max_qos = mqtt::Qos::at_least_once;
  scene.policy.max_topic_alias = 5;
  answer = scene.rules.connack_for(scene.connection, scene.packet);
  CHECK(answer.receive_maximum == 20);
  CHECK(answer.maximum_qos == 1);
  CHECK(answer.retain_available == false);
  CHECK(answer.topic_alias_maximum == 5);
}
