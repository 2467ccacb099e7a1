#include "transport/link/websocket.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <new>
#include <openssl/rand.h>
#include <string_view>
#include <wslay/wslay.h>

#include "broker/wire/framer.h"
#include "transport/http.h"
#include "transport/websocket.h"

namespace transport {

/// wslay's context, and the memory that a call under way reads and writes.
struct WebSocketClient::Wslay {
  Wslay() {
    const wslay_event_callbacks callbacks{.recv_callback = receive,
                                          .send_callback = send,
                                          .genmask_callback = make_mask,
                                          .on_frame_recv_start_callback = start_frame,
                                          .on_frame_recv_chunk_callback = take_chunk,
                                          .on_frame_recv_end_callback = nullptr,
                                          .on_msg_recv_callback = end_message};
    if (wslay_event_context_client_init(&context, &callbacks, this) != 0) throw std::bad_alloc();
    // Messages are passed on as they come, and never kept.
    wslay_event_config_set_no_buffering(context, 1);
    wslay_event_config_set_max_recv_msg_length(context, INT64_MAX);
  }
  ~Wslay() { wslay_event_context_free(context); }
  Wslay(const Wslay&) = delete;
  Wslay& operator=(const Wslay&) = delete;

  static Wslay& of(void* data) noexcept { return *static_cast<Wslay*>(data); }

  static ssize_t receive(wslay_event_context_ptr context, std::uint8_t* place, std::size_t size,
                         int /*flags*/, void* data) {
    mqtt::Bytes& input = of(data).input;
    const std::size_t count = std::min(size, input.size());
    if (count == 0) {
      wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
      return -1;
    }
    std::memcpy(place, input.data(), count);
    input = input.subspan(count);
    return static_cast<ssize_t>(count);
  }
  static ssize_t send(wslay_event_context_ptr /*context*/, const std::uint8_t* bytes,
                      std::size_t size, int /*flags*/, void* data) {
    assert(of(data).output != nullptr);  // wslay writes only within a call of its owner
    of(data).output->append(std::string_view(reinterpret_cast<const char*>(bytes), size));
    return static_cast<ssize_t>(size);
  }
  static int make_mask(wslay_event_context_ptr /*context*/, std::uint8_t* place, std::size_t size,
                       void* /*data*/) {
    return RAND_bytes(place, static_cast<int>(size)) == 1 ? 0 : -1;
  }
  static void start_frame(wslay_event_context_ptr /*context*/,
                          const wslay_event_on_frame_recv_start_arg* frame, void* data) {
    Wslay& self = of(data);
    if (frame->opcode == WSLAY_TEXT_FRAME) self.got_text = true;
    self.in_data = wslay_is_ctrl_frame(frame->opcode) == 0;
  }
  static void take_chunk(wslay_event_context_ptr /*context*/,
                         const wslay_event_on_frame_recv_chunk_arg* chunk, void* data) {
    const Wslay& self = of(data);
    if (!self.in_data || self.got_text) return;
    self.payload->append(
        std::string_view(reinterpret_cast<const char*>(chunk->data), chunk->data_length));
  }
  static void end_message(wslay_event_context_ptr /*context*/,
                          const wslay_event_on_msg_recv_arg* message, void* data) {
    if (message->opcode != WSLAY_CONNECTION_CLOSE) return;
    Wslay& self = of(data);
    self.got_close = true;
    self.code = message->status_code;
    // Behind the code of two bytes.
    constexpr std::size_t code_bytes = 2;
    if (message->msg_length > code_bytes) {
      const std::string_view reason(reinterpret_cast<const char*>(message->msg) + code_bytes,
                                    message->msg_length - code_bytes);
      self.got_bad_reason = !is_close_reason(reason);
      self.reason = printable(reason);
    }
  }

  void close(std::uint16_t status) { wslay_event_queue_close(context, status, nullptr, 0); }
  /// Writes queued frames to `frames`.
  void flush(mqtt::ByteBuffer& frames) {
    output = &frames;
    wslay_event_send(context);
    output = nullptr;
  }

  wslay_event_context_ptr context = nullptr;
  mqtt::Bytes input;
  mqtt::ByteBuffer* payload = nullptr;
  mqtt::ByteBuffer* output = nullptr;
  std::string reason;  // of the server's Close
  std::uint16_t code = 0;
  bool in_data = false;
  bool got_text = false;
  bool got_close = false;
  bool got_bad_reason = false;  // of a Close
};

WebSocketClient::WebSocketClient() : wslay_(std::make_unique<Wslay>()) {}

WebSocketClient::~WebSocketClient() = default;

void WebSocketClient::read(mqtt::Bytes bytes, mqtt::ByteBuffer& payload, mqtt::ByteBuffer& frames) {
  if (end_) return;
  Wslay& wslay = *wslay_;
  wslay.input = bytes;
  wslay.payload = &payload;
  const int result = wslay_event_recv(wslay.context);
  if (wslay.got_text) wslay.close(WSLAY_CODE_UNSUPPORTED_DATA);
  // wslay sends the reason of a Close back, without a look at it if it came in pieces.
  mqtt::ByteBuffer unsound;
  wslay.flush(wslay.got_bad_reason ? unsound : frames);
  wslay.payload = nullptr;
  wslay.input = {};
  if (wslay.got_text) {
    end_ = {LinkFault::websocket, 0, "the server sent text in place of MQTT"};  // [MQTT-6.0.0-1]
  } else if (wslay.got_bad_reason) {
    end_ = {LinkFault::websocket, 0, "the reason of the server's Close is not UTF-8 (RFC 6455)"};
  } else if (wslay.got_close) {
    const bool orderly = wslay.code == 0 || wslay.code == WSLAY_CODE_NORMAL_CLOSURE ||
                         wslay.code == WSLAY_CODE_GOING_AWAY;
    end_ = {orderly ? LinkFault::none : LinkFault::websocket, 0,
            "the server closed the WebSocket (code " + std::to_string(wslay.code) +
                (wslay.reason.empty() ? ")" : ": " + wslay.reason + ")")};
  } else if (result != 0 || wslay_event_get_read_enabled(wslay.context) == 0) {
    end_ = {LinkFault::websocket, 0, "the server's frames are no WebSocket (RFC 6455)"};
  }
}

void WebSocketClient::write(mqtt::Bytes packets, mqtt::ByteBuffer& frames) {
  if (end_) return;
  while (!packets.empty()) {
    const std::size_t size = mqtt::promised_size(packets);
    assert(size > 0 && size <= packets.size());  // encoders write whole packets
    const wslay_event_msg message{.opcode = WSLAY_BINARY_FRAME,
                                  .msg = reinterpret_cast<const std::uint8_t*>(packets.data()),
                                  .msg_length = size};
    wslay_event_queue_msg(wslay_->context, &message);
    packets = packets.subspan(size);
  }
  wslay_->flush(frames);
}

void WebSocketClient::close(mqtt::ByteBuffer& frames) {
  wslay_->close(WSLAY_CODE_NORMAL_CLOSURE);
  wslay_->flush(frames);
}

}  // namespace transport
