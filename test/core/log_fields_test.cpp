#include "broker/core/log_fields.h"

#include <catch2/catch.hpp>

namespace broker {

TEST_CASE("the fields of a client that has not logged in are its address", "[log_fields]") {
  Connection connection(ConnectionId{1}, 0);
  connection.address = "192.0.2.1";
  connection.client_port = 40'000;
  connection.listener = 3;
  const LogFields fields =
      fields_of(Event::connect_refused, connection, mqtt::Reason::malformed_packet);
  CHECK(fields.event == Event::connect_refused);
  CHECK(fields.client_id.empty());
  CHECK(fields.user_name.empty());
  CHECK(fields.address == "192.0.2.1");
  CHECK(fields.port == 40'000);
  CHECK(fields.listener == 3);
  CHECK(fields.reason_code == 0x81);
  CHECK_FALSE(fields_of(Event::handshake_timeout, connection).reason_code);
}

TEST_CASE("the fields of an applicant are those of its CONNECT", "[log_fields]") {
  Connection connection(ConnectionId{1}, 0);
  connection.address = "192.0.2.1";
  mqtt::Connect packet;
  packet.user_name = "ann";
  const LogFields fields = applicant_fields(Event::login_failed, connection, "sensor", packet,
                                            mqtt::Reason::not_authorized);
  CHECK(fields.client_id == "sensor");
  CHECK(fields.user_name == "ann");
  CHECK(fields.reason_code == 0x87);
  packet.user_name.reset();
  CHECK(applicant_fields(Event::login_failed, connection, "", packet).user_name.empty());
}

}  // namespace broker
