#include "transport/loop_tracer.h"

#include <chrono>
#include <utility>

#include "broker/shard_admin.h"
#include "broker/trace/packet_text.h"
#include "broker/wire/connect.h"
#include "transport/loop.h"

namespace transport {
namespace {

std::int64_t time_microseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

// Lists.

bool LoopTracer::take(const std::shared_ptr<const TraceList>& list) {
  constexpr std::uint32_t connections_per_turn = 1000;
  if (pending_ != list) {
    pending_ = list;
    next_slot_ = 0;
    set(list);
  }
  const bool more = loop_.connections().table().each_of_some(
      next_slot_, connections_per_turn, [this](Connection& connection) { match(connection); });
  if (!more) pending_.reset();
  return more;
}

void LoopTracer::set(std::shared_ptr<const TraceList> list) {
  if (list->empty()) list.reset();
  list_ = std::move(list);
  follows_topics_ = list_ != nullptr && list_->has_topics();
  end_publish();
  loop_.shard().admin().trace(list_ == nullptr ? nullptr : this);
}

void LoopTracer::tick() {
  // The main thread ends them too, a little earlier: both have to agree.
  constexpr std::int64_t grace_milliseconds = 1000;
  if (list_ == nullptr || pending_ != nullptr) return;
  const broker::Instant late = broker::after_milliseconds(loop_.now(), -grace_milliseconds);
  auto shorter = std::make_shared<TraceList>(*list_);
  bool changed = false;
  for (std::shared_ptr<Trace>& each : shorter->traces) {
    if (each == nullptr || !each->is_over(late)) continue;
    each.reset();
    changed = true;
  }
  if (changed) go_on(shorter);
}

void LoopTracer::go_on(const std::shared_ptr<const TraceList>& list) {
  if (!take(list)) return;
  loop_.post([list](Loop& loop) {
    // Another list may have come meanwhile.
    LoopTracer& tracer = loop.connections().tracer();
    if (tracer.pending_ == list) tracer.go_on(list);
  });
}

// Connections.

TraceSet LoopTracer::traces_of(const Connection& connection, const ConnectionTrace& trace) const {
  if (list_ == nullptr) return 0;
  unsigned set = 0;
  if (connection.state != State::inner) set |= list_->of_address(connection.address);
  if (trace.identified || !trace.client_id.empty()) set |= list_->of_client(trace.client_id);
  return static_cast<TraceSet>(set);
}

/// Whether a connection is followed, or may be once its client identifier is known.
bool LoopTracer::matters(const ConnectionTrace& trace) const {
  return trace.traces != 0 || (list_ != nullptr && !trace.identified && list_->names_clients());
}

void LoopTracer::match(Connection& connection) {
  if (connection.state == State::closed) return;
  if (connection.trace == nullptr) {
    if (list_ != nullptr) catch_up(connection);
    return;
  }
  ConnectionTrace& trace = *connection.trace;
  trace.traces = traces_of(connection, trace);
  if (!matters(trace)) connection.trace.reset();
}

void LoopTracer::catch_up(Connection& connection) {
  ConnectionTrace trace;
  const auto keep = [&] {
    trace.traces = traces_of(connection, trace);
    if (matters(trace)) connection.trace = std::make_unique<ConnectionTrace>(std::move(trace));
  };
  bool known = false;
  loop_.shard().admin().show_connection(connection.id, [&](const broker::ConnectionView& view) {
    known = true;
    trace.client_id = view.client_id;
    trace.version = view.version;
    trace.identified = trace.first_packet_seen = !view.client_id.empty();
    keep();
    // The stream goes on in the middle of a packet, whose front has come.
    if (connection.trace != nullptr) cut(connection, TraceKind::in, view.tail);
  });
  if (!known && connection.state != State::inner) keep();
}

void LoopTracer::accepted(Connection& connection) {
  if (list_ == nullptr) return;
  match(connection);
  if (connection.trace == nullptr) return;
  note(connection, (connection.through_proxy ? "a proxy names this client, on "
                                             : "TCP connection accepted, on ") +
                       connection.listener->name());
}

void LoopTracer::adopted(Connection& connection, mqtt::Bytes unread) {
  if (connection.trace == nullptr) {
    if (list_ == nullptr) return;
    match(connection);
    if (connection.trace != nullptr) cut(connection, TraceKind::in, unread);
    return;
  }
  match(connection);
  note(connection, "it has come to the loop of its shard");
}

void LoopTracer::refused(const Connection& connection, mqtt::Bytes bytes) {
  if (connection.trace == nullptr) return;
  tell(connection, TraceKind::in, "refused bytes: " + trace::hex_of(bytes));
}

void LoopTracer::received(Connection& connection, mqtt::Bytes bytes) {
  cut(connection, TraceKind::in, bytes);
  if (!matters(*connection.trace)) connection.trace.reset();
}

void LoopTracer::sent(const Connection& connection, const broker::Output& output) {
  const mqtt::Bytes bytes = output.bytes.view();
  std::size_t begin = 0;
  for (const broker::Output::Splice& splice : output.splices) {
    cut(connection, TraceKind::out, bytes.subspan(begin, splice.offset - begin));
    cut(connection, TraceKind::out, splice.payload);
    begin = splice.offset;
  }
  cut(connection, TraceKind::out, bytes.subspan(begin));
}

void LoopTracer::cut(const Connection& connection, TraceKind kind, mqtt::Bytes bytes) {
  ConnectionTrace& trace = *connection.trace;
  trace::PacketCutter& cutter = kind == TraceKind::in ? trace.input : trace.output;
  if (cutter.broken()) return;
  while (const auto packet = cutter.take(bytes)) {
    if (!trace.first_packet_seen && kind == TraceKind::in) learn(connection, *packet);
    if (trace.traces != 0) tell_packet(connection, kind, *packet);
  }
  if (!cutter.broken()) return;
  tell(connection, kind, "bytes that are no packet: " + trace::hex_of(cutter.broken_bytes()));
}

/// The first packet of a client: its name may be another one once the broker's rules were applied.
void LoopTracer::learn(const Connection& connection, const trace::CutPacket& packet) const {
  ConnectionTrace& trace = *connection.trace;
  trace.first_packet_seen = true;
  if (packet.type != mqtt::PacketType::connect) return;
  const mqtt::ConnectHead head = mqtt::head_of_connect(packet.body);
  trace.version = head.version;
  if (!trace.identified) trace.client_id = head.client_id.substr(0, client_id_bytes_max);
  trace.traces = traces_of(connection, trace);
}

// Decisions of the shard.

TraceSet LoopTracer::traces_of(const Subject& subject) const {
  if (list_ == nullptr) return 0;
  if (!subject.connection) return list_->of_client(subject.client_id);
  const Connection* const connection = loop_.connections().find(*subject.connection);
  return connection == nullptr || connection->trace == nullptr ? TraceSet{0}
                                                               : connection->trace->traces;
}

bool LoopTracer::follows(const Subject& subject) const {
  return (of_publish_ != 0 && lines_of_publish_ < lines_of_publish_max) || traces_of(subject) != 0;
}

void LoopTracer::tell(const Subject& subject, std::string_view decision) {
  tell(with_publish(traces_of(subject)), TraceKind::decision, subject, decision);
}

/// Adds the traces of the PUBLISH under way to a set, unless they have had enough of it.
TraceSet LoopTracer::with_publish(TraceSet traces) {
  if (of_publish_ == 0 || lines_of_publish_ >= lines_of_publish_max) return traces;
  ++lines_of_publish_;
  return static_cast<TraceSet>(traces | of_publish_);
}

void LoopTracer::identified(broker::ConnectionId id, std::string_view client_id) {
  Connection* const connection = loop_.connections().find(id);
  if (connection == nullptr || connection->trace == nullptr) return;
  ConnectionTrace& trace = *connection->trace;
  const TraceSet before = trace.traces;
  trace.identified = true;
  trace.client_id = client_id.substr(0, client_id_bytes_max);
  trace.traces = traces_of(*connection, trace);
  const auto fresh = static_cast<TraceSet>(trace.traces & ~before);
  if (fresh != 0) {
    tell(fresh, TraceKind::decision, {id, client_id},
         "the client identifier is the broker's choice");
  }
  if (!matters(trace)) connection->trace.reset();
}

bool LoopTracer::follows_topic(std::string_view topic) const {
  if (!follows_topics_) return false;
  if (of_publish_ != 0 && lines_of_publish_ >= lines_of_publish_max) return false;
  // Nearly always the message is the one that was just published.
  const bool is_known = topic.data() == topic_.data() && topic.size() == topic_.size();
  return is_known ? of_publish_ != 0 : list_->of_topic(topic) != 0;
}

void LoopTracer::begin_publish(std::string_view topic) {
  of_publish_ = follows_topics_ ? list_->of_topic(topic) : TraceSet{0};
  topic_ = topic;
  lines_of_publish_ = 0;
}

void LoopTracer::tell_of_topic(std::string_view topic, const Subject& subject,
                               std::string_view decision) {
  if (list_ == nullptr) return;
  tell(with_publish(list_->of_topic(topic)), TraceKind::decision, subject, decision);
}

// Records.

template <typename Visit>
void LoopTracer::for_each(TraceSet traces, Visit&& visit) const {
  if (list_ == nullptr) return;
  for (std::size_t i = 0; i < TraceList::traces_max; ++i) {
    if ((traces >> i & 1U) == 0 || list_->traces[i] == nullptr) continue;
    Trace& trace = *list_->traces[i];
    if (trace.has_room()) {
      visit(trace);
    } else {
      trace.lose();
    }
  }
}

void LoopTracer::tell(const Connection& connection, TraceKind kind, std::string_view text) {
  const ConnectionTrace& trace = *connection.trace;
  tell(trace.traces, kind, {connection.id, trace.client_id}, text);
}

void LoopTracer::tell(TraceSet traces, TraceKind kind, const Subject& subject,
                      std::string_view text) {
  for_each(traces, [&](Trace& trace) { add(trace, kind, subject, std::string(text)); });
}

void LoopTracer::tell_packet(const Connection& connection, TraceKind kind,
                             const trace::CutPacket& packet) {
  const ConnectionTrace& followed = *connection.trace;
  trace::View view;
  view.version = followed.version;
  view.sent_by = kind == TraceKind::in ? mqtt::Side::client : mqtt::Side::server;
  for_each(followed.traces, [&](Trace& trace) {
    view.payload = trace.filter().payload;
    add(trace, kind, {connection.id, followed.client_id}, trace::describe(packet, view));
  });
}

void LoopTracer::add(Trace& trace, TraceKind kind, const Subject& subject, std::string text) {
  TraceRecord record;
  record.time_microseconds = time_microseconds();
  record.kind = kind;
  record.client_id = subject.client_id.substr(0, client_id_bytes_max);
  record.text = trace::cut_text(std::move(text), Trace::record_bytes_max);
  if (subject.connection) {
    const broker::ConnectionId id = *subject.connection;
    record.connection = std::to_string(static_cast<std::uint32_t>(loop_.index())) + "." +
                        std::to_string(id.slot) + "." + std::to_string(id.generation);
    const Connection* const connection = loop_.connections().find(id);
    if (connection != nullptr && connection->state != State::inner) {
      record.address = connection->address.text_with_port();
    }
  }
  trace.add(std::move(record));
}

}  // namespace transport
