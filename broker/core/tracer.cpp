#include "broker/core/tracer.h"

#include "broker/core/text.h"

namespace broker {
namespace {

TraceSink::Subject subject_of(const Connection& connection) {
  const Session* const session = connection.session;
  return {connection.id, session == nullptr ? std::string_view() : session->client_id.view()};
}

TraceSink::Subject subject_of(const Session& session) {
  if (session.connection == nullptr) return {{}, session.client_id.view()};
  return {session.connection->id, session.client_id.view()};
}

}  // namespace

bool Tracer::follows(const Connection& connection) const {
  return sink_ != nullptr && sink_->follows(subject_of(connection));
}

bool Tracer::follows(const Session& session) const {
  return sink_ != nullptr && sink_->follows(subject_of(session));
}

bool Tracer::follows_topic(std::string_view topic) const {
  return sink_ != nullptr && sink_->follows_topic(topic);
}

void Tracer::tell(const Connection& connection,
                  std::initializer_list<std::string_view> pieces) const {
  if (follows(connection)) sink_->tell(subject_of(connection), concat(pieces));
}

void Tracer::tell(const Session& session, std::initializer_list<std::string_view> pieces) const {
  if (follows(session)) sink_->tell(subject_of(session), concat(pieces));
}

void Tracer::identified(const Connection& connection, std::string_view client_id) const {
  if (sink_ != nullptr) sink_->identified(connection.id, client_id);
}

void Tracer::begin_publish(std::string_view topic) const {
  if (sink_ != nullptr) sink_->begin_publish(topic);
}

void Tracer::tell_of_topic(std::string_view topic, const Session& session,
                           std::initializer_list<std::string_view> pieces) const {
  if (follows_topic(topic)) sink_->tell_of_topic(topic, subject_of(session), concat(pieces));
}

}  // namespace broker
