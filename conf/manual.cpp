#include "conf/manual.h"

#include <array>
#include <string_view>

#include "broker/core/events.h"
#include "conf/ask_line.h"
#include "conf/command_line.h"
#include "conf/explain_line.h"
#include "conf/help.h"
#include "conf/options.h"
#include "conf/prose.h"

namespace conf {
namespace {

/// `text` with a backslash before each character that roff would interpret.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char each : text) {
    if (each == '\\') {
      result += "\\e";
    } else if (each == '-') {
      result += "\\-";
    } else {
      result += each;
    }
  }
  return result;
}

/// Lines of text. Where one begins with a dot or a quote, \& says that it is no request.
std::string prose(std::string_view text) {
  const std::string lines = folded(escaped(text), "");
  std::string result;
  bool begins = true;
  for (const char each : lines) {
    if (begins && (each == '.' || each == '\'')) result += "\\&";
    result += each;
    begins = each == '\n';
  }
  return result;
}

std::string head_of(std::string_view name, std::string_view section, std::string_view book) {
  return ".TH " + std::string(name) + " " + std::string(section) + " \"\" darter \"" +
         std::string(book) + "\"\n";
}

std::string heading(std::string_view title) { return ".SH " + std::string(title) + "\n"; }

std::string availability_of(const Option& option) {
  switch (option.availability) {
    case Availability::works:
      return "";
    case Availability::ignored:
    case Availability::lacking:
      return " Accepted without effect: " + std::string(option.note) + ".";
    case Availability::refused:
      return " Not supported: " + std::string(option.note) + ".";
    case Availability::not_built_in:
      break;
  }
  return " Not built in yet.";
}

std::string entry_of(const Option& option) {
  std::string text = std::string(option.help) + facts_of(option) + availability_of(option);
  if (!option.aliases.empty()) text += " Also: " + std::string(option.aliases) + ".";
  if (option.form == Form::toml_only) text += " In darter.toml only.";
  return ".TP\n.B " + escaped(option.name) + "\n" + prose(text);
}

/// `.BR \-c ", " \-\-config\-file " \fIFILE\fR"`; absent parts are left out.
std::string entry_of(const ArgumentText& argument) {
  std::string names = ".BR";
  if (!argument.short_name.empty()) names += " " + escaped(argument.short_name) + " \", \"";
  names += " " + escaped(argument.long_name);
  if (!argument.value_name.empty()) {
    names += " \" \\fI" + std::string(argument.value_name) + "\\fR\"";
  }
  return ".TP\n" + names + "\n" + prose(argument.help);
}

struct Chapter {
  Scope scope;
  std::string_view title;
};

constexpr auto chapters = std::to_array<Chapter>({{Scope::global, "OPTIONS OF THE BROKER"},
                                                  {Scope::security, "SECURITY OPTIONS"},
                                                  {Scope::listener, "OPTIONS OF A LISTENER"},
                                                  {Scope::plugin, "PLUGINS"},
                                                  {Scope::bridge, "BRIDGES"}});

}  // namespace

std::string configuration_manual() {
  std::string text = head_of("DARTER.CONF", "5", "File formats") + heading("NAME") +
                     "darter.conf \\- configuration of the MQTT broker darter\n" +
                     heading("DESCRIPTION");
  text += prose(
      "darter reads two forms of one configuration, told apart by content: mosquitto.conf, as "
      "Mosquitto reads it, and darter.toml, with the same names: options of the broker at the top "
      "level, one [[listener]] or [[http_listener]] table for each listener, one [[connection]] "
      "table for each bridge, arrays for what may be repeated. All "
      "errors are reported at once, with file and line. SIGHUP reads the file again: see RELOAD.");
  for (const Chapter& chapter : chapters) {
    text += heading(chapter.title);
    for (const Option& option : options()) {
      if (option.scope == chapter.scope) text += entry_of(option);
    }
  }
  text += heading("RELOAD");
  text += prose(
      "SIGHUP and darter --reload read this file and every file that it names again, and put all "
      "of "
      "it in force, or nothing if there is any error. Options that are read at start only keep "
      "their values; the report names them. Log files are opened again in either case.");
  text += prose(
      "What a client was told when it connected holds until its connection ends: "
      "max_inflight_messages and max_packet_size for what it sends, max_qos, max_topic_alias, "
      "max_topic_alias_broker, retain_available, max_keepalive, "
      "persistent_client_expiration, mount_point, and what is decided while it comes in: protocol, "
      "TLS, http and websockets options, user names and client ids. All else holds at once for "
      "everybody. What is queued or connected beyond a lower limit stays.");
  text += prose(
      "A listener is known by its port, address, interface and family, or by its path. One that "
      "stays keeps its connections whatever else changes; clients of one that is removed stay "
      "connected. Clients are disconnected if their user was removed or has another password, or "
      "if "
      "they are anonymous and that is no longer allowed; those of 5.0 are told Not authorized if "
      "the same login would be refused now, and Administrative action if not. Access rules are "
      "exchanged without a disconnect; subscriptions stay, and what may no longer be read is not "
      "delivered.");
  return text + heading("SEE ALSO") + ".BR darter (8),\n.BR darter\\-passwd (1)\n";
}

std::string program_manual() {
  std::string text = head_of("DARTER", "8", "System administration") + heading("NAME") +
                     "darter \\- an MQTT broker that takes Mosquitto's place\n" +
                     heading("SYNOPSIS") + prose(usage_text) + ".br\n" + prose(doctor_usage_text) +
                     ".br\n" + prose(adopt_usage_text) + ".br\n" + prose(explain_usage_text) +
                     heading("DESCRIPTION");
  text += prose(
      "darter serves MQTT 5.0, 3.1.1 and 3.1 over TCP and WebSocket. Without a configuration it "
      "listens on port 1883 of this machine only and lets everybody in.");
  text += heading("OPTIONS");
  for (const ArgumentText& each : argument_texts()) text += entry_of(each);
  text += heading("DOCTOR") + prose(doctor_text);
  for (const Example& each : doctor_examples()) {
    text += ".TP\n.B " + escaped(each.command) + "\n" + prose(each.meaning);
  }
  text += ".PP\n" + prose("Exit status of darter doctor: " + std::string(doctor_status_text));
  text += heading("ADOPT") + prose(adopt_text);
  for (const Example& each : adopt_examples()) {
    text += ".TP\n.B " + escaped(each.command) + "\n" + prose(each.meaning);
  }
  text += ".PP\n" + prose("Exit status of darter adopt: " + std::string(adopt_status_text));
  text += heading("EXPLAIN") + prose(explain_text);
  for (const ArgumentText& each : explain_options()) text += entry_of(each);
  text += ".PP\n" + prose("Exit status of darter explain: " + std::string(explain_status_text));
  text += prose("The events:");
  for (const broker::EventText& each : broker::event_texts()) {
    text += ".TP\n.B " + escaped(each.name) + "\n" + prose(each.meaning);
  }
  text += heading("COMMANDS") +
          prose(
              "These ask a running broker, as --reload does: as root, as the broker's user or as "
              "the user that started it, or as a member of control_group. All of them take these:");
  for (const ArgumentText& each : ask_common_options()) text += entry_of(each);
  for (const AskCommand& each : ask_commands()) {
    std::string head = "darter " + std::string(each.name);
    if (!each.operands.empty()) head += " " + std::string(each.operands);
    text += ".TP\n.B " + escaped(head) + "\n" + prose(each.help);
    for (const ArgumentText& option : each.options) {
      text += ".RS\n" + entry_of(option) + ".RE\n";
    }
  }
  text += heading("SIGNALS");
  text += ".TP\n.B SIGHUP\n" +
          prose(
              "Reads the configuration again, and the files that it names. If there is an error, "
              "nothing changes and the log says why. What changes for whom is told in "
              "darter.conf(5).");
  text += ".TP\n.BR SIGTERM \", \" SIGINT\n" + prose("Ends the broker.");
  text +=
      heading("SYSTEMD") +
      prose(
          "As a service of Type=notify, darter says when it serves, when it reloads and when it "
          "ends, and what it serves in words. With WatchdogSec= it says that it lives, as long "
          "as every event loop answers. Sockets that a .socket unit opened are used by the "
          "listeners that have the same port and address, or the same path; a "
          "FileDescriptorName= that is the port or the path of a listener says for which one a "
          "socket is that is bound elsewhere. Other listeners are opened as usual. A socket "
          "that belongs to no listener is an error.");
  text += heading("EXIT STATUS") + prose(exit_status_text) + heading("EXAMPLES");
  for (const Example& each : examples()) {
    text += ".TP\n.B " + escaped(each.command) + "\n" + prose(each.meaning);
  }
  return text + heading("SEE ALSO") + ".BR darter.conf (5),\n.BR darter\\-passwd (1)\n";
}

}  // namespace conf
