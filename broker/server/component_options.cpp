#include "broker/server/component_options.h"

#include "broker/server/translate.h"

namespace server {

ComponentOptions component_options_of(const conf::Settings& settings,
                                      std::uint64_t open_files_max) {
  ComponentOptions all;
  all.limits = limits_of(settings);
  all.loops = loop_options_of(settings, open_files_max);
  all.log = settings.log;
  all.bridges = settings.bridges;
  all.control_group = settings.control_group;
  all.admin_file = settings.admin_file;
  all.memory_limit_bytes = settings.memory_limit_bytes;
  all.sys_interval_seconds = settings.sys_interval_seconds;
  all.tls_reload_interval_seconds = settings.tls_reload_interval_seconds;
  for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
    const conf::Listener& listener = settings.listeners[i];
    all.listeners.push_back(
        {.options = listener_options_of(settings, static_cast<std::uint16_t>(i)),
         .tls = tls_options_of(settings, listener),
         .realm = realm_options_of(settings, listener),
         .policy = policy_of(listener),
         .mosquitto_api = listener.protocol == conf::Protocol::http_api});
  }
  return all;
}

}  // namespace server
