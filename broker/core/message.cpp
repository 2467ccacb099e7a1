#include "broker/core/message.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace broker {
namespace {

void put(std::byte*& place, const void* data, std::size_t size) noexcept {
  if (size > 0) std::memcpy(place, data, size);
  place += size;
}

}  // namespace

Message::Message(const MessageView& view) noexcept
    : payload_size_(static_cast<std::uint32_t>(view.payload.size())),
      properties_size_(static_cast<std::uint32_t>(view.properties.size())),
      topic_size_(static_cast<std::uint16_t>(view.topic.size())),
      qos_(view.qos),
      retain_(view.retain) {
  if (view.expires) expires_milliseconds_ = view.expires->milliseconds;
}

std::size_t Message::bytes_of(const MessageView& view) noexcept {
  return view.topic.size() + view.properties.size() + view.payload.size();
}

void Message::copy(const MessageView& view, std::byte* place) noexcept {
  put(place, view.topic.data(), view.topic.size());
  put(place, view.properties.data(), view.properties.size());
  put(place, view.payload.data(), view.payload.size());
}

SharedMessage SharedMessage::copy_of(const MessageView& view) {
  SharedMessage shared;
  shared.bytes = SharedBytes(view.topic.size() + view.properties.size() + view.payload.size());
  std::byte* place = shared.bytes.writable();
  put(place, view.topic.data(), view.topic.size());
  put(place, view.properties.data(), view.properties.size());
  put(place, view.payload.data(), view.payload.size());
  shared.payload_size = static_cast<std::uint32_t>(view.payload.size());
  shared.properties_size = static_cast<std::uint32_t>(view.properties.size());
  shared.topic_size = static_cast<std::uint16_t>(view.topic.size());
  shared.qos = view.qos;
  shared.retain = view.retain;
  shared.expires = view.expires;
  return shared;
}

MessageView SharedMessage::view() const noexcept {
  const auto all = bytes.view();
  return {mqtt::as_text(all.first(topic_size)),
          all.subspan(std::size_t{topic_size} + properties_size, payload_size),
          all.subspan(topic_size, properties_size),
          qos,
          retain,
          expires};
}

MessageRef MessageRef::copy_of(const MessageView& view) {
  void* const block = std::malloc(sizeof(Message) + Message::bytes_of(view));
  if (block == nullptr) throw std::bad_alloc();
  auto* const message = new (block) Message(view);
  auto* const bytes = reinterpret_cast<std::byte*>(message + 1);
  Message::copy(view, bytes);
  message->bytes_ = bytes;
  return MessageRef(message);
}

MessageRef MessageRef::adopt(const SharedMessage& shared) {
  void* const block = std::malloc(sizeof(Message));
  if (block == nullptr) throw std::bad_alloc();
  auto* const message = new (block) Message(shared.view());
  message->shared_ = shared.bytes;
  message->bytes_ = message->shared_.view().data();
  return MessageRef(message);
}

void MessageRef::release() noexcept {
  if (message_ == nullptr || --message_->references_ > 0) return;
  message_->~Message();
  std::free(message_);
}

}  // namespace broker
