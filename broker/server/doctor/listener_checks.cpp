#include "broker/server/doctor/listener_checks.h"

#include <algorithm>
#include <string>

namespace doctor {
namespace {

/// One listener, and whether the world reaches it.
class ListenerCheck {
 public:
  ListenerCheck(const Configuration& configuration, std::size_t index, bool proxied,
                Findings& findings)
      : configuration_(configuration),
        index_(index),
        listener_(configuration.settings.listeners[index]),
        open_(is_open_to_the_world(listener_)),
        proxied_(proxied),
        findings_(findings) {}

  void run();

 private:
  [[nodiscard]] bool lets_somebody_in();
  void anonymous();
  void clear_text();
  void figures();
  [[nodiscard]] std::string who_comes() const {
    return open_ ? "whoever reaches this machine" : "whoever reaches nginx";
  }

  const Configuration& configuration_;
  std::size_t index_;
  const conf::Listener& listener_;
  bool open_;
  bool proxied_;
  Findings& findings_;
};

/// Without anonymous clients and without anything that could be checked, every login fails.
bool ListenerCheck::lets_somebody_in() {
  const conf::TlsSettings& tls = listener_.tls;
  if (listener_.security.allow_anonymous || !listener_.security.password_file.empty()) return true;
  if (tls.is_on() && (tls.use_identity_as_username || tls.use_subject_as_username)) return true;
  findings_.error(configuration_.where(index_, "allow_anonymous"),
                  name_of(listener_) +
                      " lets nobody in: anonymous clients are refused, and there is no password "
                      "file that others could be checked against",
                  configuration_.line("password_file", "/etc/darter/passwd") +
                      "   (made with: darter-passwd -c /etc/darter/passwd USER)");
  return false;
}

void ListenerCheck::anonymous() {
  const std::string where = configuration_.where(index_, "allow_anonymous");
  if (asks_everybody(listener_)) {
    return findings_.good(where, name_of(listener_) +
                                     " lets nobody in without a name that is "
                                     "checked");
  }
  const std::string cure = configuration_.line("allow_anonymous", "false") + "   and " +
                           configuration_.line("password_file", "/etc/darter/passwd");
  if (!open_ && !proxied_) {
    return findings_.notice(
        where, name_of(listener_) + " lets in every program of this machine without a password");
  }
  const bool ruled = !listener_.security.acl_file.empty();
  const std::string text = name_of(listener_) + " lets in " + who_comes() + " without a password";
  if (ruled) {
    return findings_.warning(where, text + "; only the access rules stand in between", cure);
  }
  findings_.error(where, text + ", to read and write everything", cure);
}

void ListenerCheck::clear_text() {
  const std::string where = configuration_.where(index_);
  if (!open_) {
    return findings_.good(where, name_of(listener_) + " is open to this machine only");
  }
  if (listener_.tls.is_on()) return findings_.good(where, name_of(listener_) + " speaks TLS");
  const std::string port = std::to_string(listener_.port);
  findings_.warning(
      where,
      name_of(listener_) +
          " is open to other machines without TLS: passwords and messages can be read on the way",
      (configuration_.is_toml ? "bind_address = \"127.0.0.1\""
                              : "listener " + port + " 127.0.0.1") +
          std::string("   if only this machine and nginx need it; else ") +
          configuration_.line("certfile", "/etc/darter/fullchain.pem") + " and " +
          configuration_.line("keyfile", "/etc/darter/privkey.pem"));
}

/// An http_listener has no login unless there is an admin_file; then passwords need TLS.
void ListenerCheck::figures() {
  const std::string where = configuration_.where(index_);
  if (!open_) {
    return findings_.good(where, name_of(listener_) + " is open to this machine only");
  }
  if (listener_.tls.require_certificate) {
    return findings_.good(where, name_of(listener_) + " asks for a certificate");
  }
  if (!configuration_.settings.admin_file.empty()) return clear_text();
  findings_.warning(where, name_of(listener_) + " shows the broker's figures to " + who_comes(),
                    configuration_.is_toml
                        ? "bind_address = \"127.0.0.1\""
                        : "http_listener " + std::to_string(listener_.port) + " 127.0.0.1");
}

void ListenerCheck::run() {
  if (listener_.protocol == conf::Protocol::http) return figures();
  clear_text();
  if (lets_somebody_in()) anonymous();
}

/// Clients that are exempt are not counted by limits by address.
void check_exempt(const Configuration& configuration, Findings& findings) {
  const conf::Settings& settings = configuration.settings;
  const auto everybody = std::ranges::find_if(
      settings.limits_exempt, [](const std::string& network) { return network.ends_with("/0"); });
  if (everybody == settings.limits_exempt.end()) return;
  std::set<std::string_view> options;
  for (const conf::Listener& listener : settings.listeners) {
    for (const std::string_view option : counted_by_address(settings, listener)) {
      options.insert(option);
    }
  }
  for (const std::string_view option : options) {
    findings.warning(configuration.where("limits_exempt"),
                     "'limits_exempt' has every " +
                         std::string(everybody->contains(':') ? "IPv6" : "IPv4") +
                         " address, so that '" + std::string(option) + "' counts none of them",
                     "name the networks of your own, as in: " +
                         configuration.line("limits_exempt", "10.0.0.0/8"));
  }
}

}  // namespace

void check_listeners(const Configuration& configuration, const std::set<std::size_t>& proxied,
                     Findings& findings) {
  for (std::size_t i = 0; i < configuration.settings.listeners.size(); ++i) {
    ListenerCheck(configuration, i, proxied.contains(i), findings).run();
  }
  check_exempt(configuration, findings);
}

void check_trial(const Trial& trial, const std::string& where, const std::string& what,
                 const std::string& good, const std::string& renew, Findings& findings) {
  if (!trial.tried) {
    return findings.unknown(where, what + " could not be tried: " + trial.reason);
  }
  for (const std::string& error : trial.errors) {
    findings.error(where, error, "correct that file, or name another");
  }
  for (const std::string& warning : trial.warnings) findings.warning(where, warning, renew);
  if (trial.errors.empty() && trial.warnings.empty()) findings.good(where, what + " " + good);
}

void check_trials(const Configuration& configuration, const Facts& facts, Findings& findings) {
  for (std::size_t i = 0; i < facts.tls.size(); ++i) {
    const conf::Listener& listener = configuration.settings.listeners[i];
    if (!listener.tls.is_on()) continue;
    check_trial(facts.tls[i], configuration.where(i, "certfile"),
                "Certificates and keys of " + name_of(listener),
                "fit, and last for 14 days or more", "renew it, then: systemctl reload darter",
                findings);
  }
  check_trial(facts.users, configuration.file, "Password files and access rules", "can be used",
              "correct that line", findings);
}

}  // namespace doctor
