// broker/server/http/api_call.h
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace server {

/// A request of the API that the main thread answers.
struct ApiCall {
  enum class Kind : std::uint8_t {
    status,
    figures,
    history,
    administration,     ///< a question or an order of server::Administration
    backups,            ///< the list of server::Backups
    back_up,            ///< an order of server::Backups
    mosquitto_version,  ///< of Mosquitto's API, as the next two
    mosquitto_listeners,
    mosquitto_systree,
  };
  Kind kind = Kind::status;
  std::vector<std::string> words{};  // of administration: name, and "KEY=VALUE" or "KEY"
  unsigned error_status = 400;       // of the answer if administration refuses
  std::string done{};                // an order, in words for the log; empty: nothing changes
  std::string by{};                  // the administrator, for the log
};

}  // namespace server
