#include <array>

#include "conf/ask_line.h"

// The commands that ask a running broker, and their options: the table of their parser, their help,
// their manual page and their completions.

namespace conf {
namespace {

constexpr auto common_options = std::to_array<ArgumentText>({
    {"-c", "--config-file", "FILE",
     "The configuration of the broker that is asked. Without it /etc/darter/darter.toml, "
     "or /etc/mosquitto/mosquitto.conf if only that one has a running broker."},
    {"", "--json", "", "Print the broker's answer as JSON."},
    {"-h", "--help", "", "Print this and exit."},
});

constexpr ArgumentText limit_option{"", "--limit", "N", "Show so many at most, 1 to 10000."};

constexpr auto clients_options = std::to_array<ArgumentText>({
    {"", "--filter", "KEY=PATTERN",
     "Only clients whose KEY has a value of that pattern, in which * stands for any text and ? for "
     "a character. KEY is id, user, address, listener, version or connected (yes, no). If given "
     "several times, all must hold."},
    {"", "--sort", "KEY",
     "The first of all by: queue, the most bytes waiting; rate, the most messages a second in the "
     "last seconds, from the client and to it; age, connected for the longest time; "
     "silent, nothing heard for the longest time; dropped, the most messages lost; id. Shows 20 "
     "unless --limit says more."},
    limit_option,
});

constexpr auto clients_examples = std::to_array<Example>({
    {"darter clients", "all sessions, of clients that are away too"},
    {"darter clients --sort queue", "which client is too slow?"},
    {"darter clients --sort rate", "which client sends or gets the most?"},
    {"darter clients --filter user=a --filter id=s-*", "both must hold"},
});

constexpr auto client_examples = std::to_array<Example>({
    {"darter client sensor-7", "where it comes from, what it subscribes to, what waits for it"},
});

constexpr auto kick_examples = std::to_array<Example>({
    {"darter kick sensor-7", "it may connect again at once"},
});

constexpr auto sessions_options = std::to_array<ArgumentText>({
    {"", "--forget", "ID",
     "End the session of this client, with all that waits in it, and its connection if it has one. "
     "Its will is published."},
    limit_option,
});

constexpr auto sessions_examples = std::to_array<Example>({
    {"darter sessions", "sessions whose clients are away"},
    {"darter sessions --forget old-device", "free what an abandoned device holds"},
});

constexpr auto retained_options = std::to_array<ArgumentText>({
    {"", "--delete", "",
     "Remove the retained message of one topic, FILTER without wildcards. Clients that subscribe "
     "to it get an empty message."},
    limit_option,
});

constexpr auto retained_examples = std::to_array<Example>({
    {"darter retained 'home/#'", "topics, sizes, beginnings of payloads"},
    {"darter retained home/old/lamp --delete", "of one topic"},
});

constexpr auto bans_options = std::to_array<ArgumentText>({
    {"", "--lift", "ADDRESS",
     "End the ban of this address, or of the network that it belongs to. Its failed logins are "
     "forgotten."},
    limit_option,
});

constexpr auto bans_examples = std::to_array<Example>({
    {"darter bans", "addresses that may not log in, and for how long"},
    {"darter bans --lift 192.0.2.7", "let it try again"},
});

constexpr auto acl_options = std::to_array<ArgumentText>({
    {"", "--user", "NAME", "The user; without it a client that gives no user name."},
    {"", "--client", "ID", "The client identifier, for patterns with %c."},
    {"", "--address", "ADDRESS", "The client's address, for patterns with %a."},
    {"", "--listener", "PORT", "Only this listener; without it each one that is open."},
});

constexpr auto acl_examples = std::to_array<Example>({
    {"darter acl check --user ann publish home/door", "may she, and why?"},
    {"darter acl check --user ann receive home/door", "may it reach her?"},
});

constexpr auto status_examples = std::to_array<Example>({
    {"darter status", "is it well, and how busy?"},
});

constexpr auto cluster_examples = std::to_array<Example>({
    {"darter cluster status", "which nodes are there, and do they hear each other?"},
});

constexpr auto top_options = std::to_array<ArgumentText>({
    {"", "--interval", "SECONDS", "Look again after so long, 1 to 3600; 2 unless told."},
    {"", "--count", "N", "End after so many looks, 1 to 10000; without it at Ctrl-C."},
    {"", "--sort", "KEY",
     "The clients that come first: as darter clients has it; queue unless told."},
    limit_option,
});

constexpr auto top_examples = std::to_array<Example>({
    {"darter top", "rates, and the clients with the most waiting"},
    {"darter top --sort dropped --interval 10", "the clients that lose messages"},
});

constexpr auto trace_options = std::to_array<ArgumentText>({
    {"", "--client", "PATTERN",
     "Follow the clients whose client identifier fits, in which * stands for any text and ? for a "
     "character: from their CONNECT on, those that are refused too."},
    {"", "--topic", "FILTER",
     "Follow each PUBLISH to a topic that this filter matches, from any client: its rights, and "
     "what "
     "becomes of it at each subscriber."},
    {"", "--address", "NETWORK",
     "Follow connections from this address or network, from the first byte on: TLS, WebSocket and "
     "logins that fail too. \"unix\" stands for clients on unix sockets."},
    {"", "--payload", "", "Show the first 256 bytes of payloads, too."},
    {"", "--for", "SECONDS", "End after so long, 1 to 86400; without it at Ctrl-C."},
    {"", "--count", "N", "End after so many lines, 1 to 10000."},
});

constexpr auto trace_examples = std::to_array<Example>({
    {"darter trace --client sensor-7", "its packets both ways, and what the broker decides"},
    {"darter trace --address 192.0.2.0/24", "why does nobody from there get in?"},
    {"darter trace --topic 'home/#' --for 10", "who publishes, and who gets it?"},
});

constexpr auto command_rows = std::to_array<AskCommand>({
    {"status",
     "",
     "Shows the state of a running broker on one screen: problems, clients, rates, memory, "
     "listeners, certificates, bridges.",
     {},
     status_examples},
    {"top", "",
     "Shows the same, the busiest topics and publishers, and the foremost clients, again and "
     "again.",
     top_options, top_examples},
    {"clients", "", "Lists the clients of a running broker, those that are away too.",
     clients_options, clients_examples},
    {"client",
     "ID",
     "Shows one client of a running broker, and its subscriptions.",
     {},
     client_examples},
    {"kick",
     "ID",
     "Disconnects a client of a running broker. Its will is published, and its session stays.",
     {},
     kick_examples},
    {"sessions", "", "Lists the sessions of a running broker whose clients are away.",
     sessions_options, sessions_examples},
    {"retained", "[FILTER]",
     "Lists the retained messages of a running broker that match a topic filter; without one all "
     "but those below $SYS.",
     retained_options, retained_examples},
    {"bans", "", "Lists the addresses that may not log in, because of failed logins.", bans_options,
     bans_examples},
    {"acl", "check publish|subscribe|receive TOPIC",
     "Says whether a client may publish to a topic, subscribe to a filter or receive from a topic, "
     "and which line of the acl_file decides.",
     acl_options, acl_examples},
    {"cluster",
     "status",
     "Shows the nodes of the cluster that a running broker is one of: their state, clients and "
     "messages.",
     {},
     cluster_examples},
    {"trace", "",
     "Follows live what happens to clients or topics of a running broker, whatever its log says: "
     "one "
     "of --client, --topic and --address is needed.",
     trace_options, trace_examples},
});

}  // namespace

std::span<const AskCommand> ask_commands() { return command_rows; }
std::span<const ArgumentText> ask_common_options() { return common_options; }

}  // namespace conf
