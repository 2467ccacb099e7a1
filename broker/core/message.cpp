#include "broker/core/message.h"

#include <cassert>
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

Message::Message(const MessageView& view, bool marked) noexcept
    : payload_size_(static_cast<std::uint32_t>(view.payload.size())),
      properties_size_(static_cast<std::uint32_t>(view.properties.size())),
      topic_size_(static_cast<std::uint16_t>(view.topic.size())),
      qos_(view.qos),
      retain_(view.retain),
      marked_(marked) {
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
  assert(bytes.view().size() == std::size_t{topic_size} + properties_size + payload_size);
  const auto all = bytes.view();
  return {mqtt::as_text(all.first(topic_size)),
          all.subspan(std::size_t{topic_size} + properties_size, payload_size),
          all.subspan(topic_size, properties_size),
          qos,
          retain,
          expires};
}

Message* MessageRef::make(const MessageView& view, bool marked, std::size_t extra_bytes) {
  static_assert(sizeof(StoreMark) % alignof(Message) == 0);
  const std::size_t front = marked ? sizeof(StoreMark) : 0;
  auto* const block = static_cast<std::byte*>(std::malloc(front + sizeof(Message) + extra_bytes));
  if (block == nullptr) throw std::bad_alloc();
  if (marked) new (block) StoreMark;
  return new (block + front) Message(view, marked);
}

MessageRef MessageRef::copy_of(const MessageView& view, bool marked) {
  Message* const message = make(view, marked, Message::bytes_of(view));
  auto* const bytes = reinterpret_cast<std::byte*>(message + 1);
  Message::copy(view, bytes);
  message->bytes_ = bytes;
  return MessageRef(message);
}

MessageRef MessageRef::adopt(const SharedMessage& shared) {
  Message* const message = make(shared.view(), shared.key != MessageKey{0}, 0);
  message->shared_ = shared.bytes;
  message->bytes_ = message->shared_.view().data();
  if (StoreMark* const mark = message->mark()) *mark = {shared.key, 0, true, 0};
  return MessageRef(message);
}

void MessageRef::destroy(Message* message) noexcept {
  StoreMark* const mark = message->mark();
  message->~Message();
  std::free(mark != nullptr ? static_cast<void*>(mark) : message);
}

}  // namespace broker
