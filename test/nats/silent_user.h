#pragma once

#include <cstdint>
#include <string_view>

#include "broker/wire/bytes.h"
#include "transport/nats/nats_link.h"

namespace test {

/// The user of a link whose calls are of no interest.
class SilentNatsUser final : public transport::NatsUser {
 public:
  void nats_connected(std::string_view /*server*/) override {}
  void nats_disconnected(std::string_view /*why*/) override {}
  void nats_complained(std::string_view /*what*/) override {}
  void nats_received(std::string_view /*subject*/, mqtt::Bytes /*payload*/) override {}
  void nats_has_room() override {}
  void record_seen(std::string_view /*key*/, mqtt::Bytes /*value*/, std::uint64_t /*revision*/,
                   bool /*deleted*/) override {}
  void records_are_current() override {}
  void records_unavailable(std::string_view /*why*/) override {}
  void record_written(std::string_view /*key*/, std::uint64_t /*revision*/) override {}
  void record_refused(std::string_view /*key*/, transport::RecordRefusal /*refusal*/,
                      std::string_view /*why*/) override {}
};

}  // namespace test
