// A small MQTT 5.0 client over WebSocket, for the console of this page: QoS 0 and 1, no session.

const KEEP_ALIVE_SECONDS = 60;
const PACKET_BYTES_MAX = 1 << 20; // of a packet to this client, which it tells the broker
const CONNECT_MILLISECONDS = 10000;

const reasons = {
  0x04: 'it disconnected with its will', 0x10: 'nobody subscribes to it', 0x80: 'unspecified error',
  0x81: 'malformed packet', 0x82: 'protocol error', 0x83: 'implementation specific error',
  0x84: 'this listener does not speak MQTT 5.0', 0x85: 'the client id is not valid',
  0x86: 'wrong user name or password', 0x87: 'not authorized', 0x88: 'the broker is unavailable',
  0x89: 'the broker is busy', 0x8A: 'banned', 0x8B: 'the broker is shutting down',
  0x8D: 'keep alive timeout', 0x8E: 'another connection took the client id',
  0x8F: 'the topic filter is not valid', 0x90: 'the topic name is not valid',
  0x95: 'the packet is too large', 0x96: 'too many messages', 0x97: 'quota exceeded',
  0x98: 'an administrator ended the connection', 0x99: 'the payload format is not valid',
  0x9A: 'retained messages are not supported', 0x9B: 'the QoS is not supported',
  0x9C: 'use another server', 0x9D: 'the server moved',
  0x9E: 'shared subscriptions are not supported', 0x9F: 'too many connections',
  0xA2: 'wildcards are not supported',
};

// In CONNACK. 1 is that of MQTT 3.1.1; 0x87 tells nobody which user names there are.
const refusals = { 0x01: reasons[0x84], 0x87: 'wrong user name or password, or not authorized' };

export const reasonText = (code) => reasons[code] ?? `reason code 0x${code.toString(16)}`;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const text = (value) => {
  const encoded = encoder.encode(value);
  if (encoded.length > 65535) throw new Error('A text is longer than 65,535 bytes.');
  return [encoded.length >> 8, encoded.length & 255, ...encoded];
};

/// A packet: its first byte, and the bytes behind its length.
export function packet(first, ...parts) {
  const body = parts.flatMap((part) => [...part]);
  const length = [];
  let rest = body.length;
  do {
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Uint8Array.from([first, ...length, ...body]);
}

/// Reads a packet's body.
class Reader {
  constructor(body) {
    this.body = body;
    this.at = 0;
  }

  byte() {
    if (this.at >= this.body.length) throw new Error('A packet of the broker is too short.');
    this.at += 1;
    return this.body[this.at - 1];
  }

  number() { return this.byte() * 256 + this.byte(); }

  bytes(count) {
    this.at += count;
    return this.body.subarray(this.at - count, this.at);
  }

  text() { return decoder.decode(this.bytes(this.number())); }

  varint() {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    return value;
  }

  skipProperties() {
    const length = this.varint();
    this.at += length;
  }

  rest() { return this.body.subarray(this.at); }
}

/// Cuts a stream of bytes into packets: feed() calls `take(first, body)` for each that is whole.
export class Framer {
  constructor(take) {
    this.take = take;
    this.tail = new Uint8Array();
  }

  feed(bytes) {
    const joined = new Uint8Array(this.tail.length + bytes.length);
    joined.set(this.tail);
    joined.set(bytes, this.tail.length);
    let at = 0;
    for (;;) {
      const end = Framer.#end(joined, at);
      if (end === null) break;
      this.take(joined[at], joined.subarray(end.body, end.next));
      at = end.next;
    }
    this.tail = joined.slice(at);
  }

  // Where the packet at `at` has its body and its end; null: it is not whole.
  static #end(bytes, at) {
    let length = 0;
    for (let i = 0; i < 4; i += 1) {
      const byte = bytes[at + 1 + i];
      if (byte === undefined) return null;
      length += (byte & 127) * 128 ** i;
      if (byte < 128) {
        if (length > PACKET_BYTES_MAX) throw new Error('A packet of the broker is too large.');
        const body = at + 2 + i;
        return body + length <= bytes.length ? { body, next: body + length } : null;
      }
    }
    throw new Error('A packet of the broker has no length.');
  }
}

/// One connection. `events` has onMessage({ topic, payload, qos, retain }) and onEnd(text), which
/// is called once after the connection was there.
export class MqttClient {
  #socket = null;
  #events;
  #framer = new Framer((first, body) => this.#take(first, new Reader(body)));
  #connecting = null; // { resolve, reject } until CONNACK
  #answers = new Map(); // packet identifier -> { resolve, reject }
  #lastId = 0;
  #timer = 0;
  #ended = '';

  constructor(events) { this.#events = events; }

  /// Resolves when the broker has accepted; throws an Error with its reason.
  connect(url, { clientId, userName, password }) {
    return new Promise((resolve, reject) => {
      this.#connecting = { resolve, reject };
      this.#timer = setTimeout(() => this.#end('The broker does not answer.'),
        CONNECT_MILLISECONDS);
      this.#socket = new WebSocket(url, 'mqtt');
      this.#socket.binaryType = 'arraybuffer';
      this.#socket.onopen = () => this.#guard(
        () => this.#sendConnect(clientId, userName, password));
      this.#socket.onmessage = ({ data }) => this.#guard(() => this.#framer.feed(
        new Uint8Array(data)));
      this.#socket.onclose = () => this.#end(this.#connecting
        ? 'No connection: nothing listens there, the certificate is not trusted, or the listener '
          + 'does not take this page (websockets_origin).'
        : 'The connection was lost.');
    });
  }

  /// Resolves to the QoS that is granted; throws an Error with the broker's reason.
  async subscribe(filter, qos) {
    const [code] = await this.#ask(0x82, (id) => [id, [0], text(filter), [qos]]);
    if (code >= 0x80) throw new Error(reasonText(code));
    return code;
  }

  async unsubscribe(filter) {
    const [code] = await this.#ask(0xA2, (id) => [id, [0], text(filter)]);
    if (code >= 0x80) throw new Error(reasonText(code));
  }

  /// Resolves to the reason code of PUBACK, 0 with QoS 0; throws an Error if it is a refusal.
  async publish(topic, payload, { qos, retain }) {
    const first = 0x30 | (qos << 1) | (retain ? 1 : 0);
    const bytes = encoder.encode(payload);
    if (qos === 0) {
      this.#send(packet(first, text(topic), [0], bytes));
      return 0;
    }
    const [code] = await this.#ask(first, (id) => [text(topic), id, [0], bytes]);
    if (code >= 0x80) throw new Error(reasonText(code));
    return code;
  }

  disconnect() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(packet(0xE0));
    this.#end('Disconnected.');
  }

  #sendConnect(clientId, userName, password) {
    const flags = 0x02 | (userName ? 0x80 : 0) | (password ? 0x40 : 0);
    const size = PACKET_BYTES_MAX;
    this.#send(packet(0x10, text('MQTT'), [5, flags, 0, KEEP_ALIVE_SECONDS],
      [5, 0x27, size >> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255], text(clientId),
      userName ? text(userName) : [], password ? text(password) : []));
  }

  #send(bytes) {
    if (this.#socket?.readyState !== WebSocket.OPEN) throw new Error('There is no connection.');
    this.#socket.send(bytes);
  }

  // Sends a packet with an identifier of its own, and resolves to the reason codes of its answer.
  #ask(first, partsOf) {
    return new Promise((resolve, reject) => {
      do this.#lastId = (this.#lastId % 65535) + 1; while (this.#answers.has(this.#lastId));
      const id = this.#lastId;
      this.#send(packet(first, ...partsOf([id >> 8, id & 255])));
      this.#answers.set(id, { resolve, reject });
    });
  }

  #guard(work) {
    try {
      work();
    } catch (error) {
      this.#end(error.message);
    }
  }

  #take(first, reader) {
    const type = first >> 4;
    if (type === 2) this.#takeConnack(reader);
    else if (type === 3) this.#takePublish(first, reader);
    else if (type === 4 || type === 9 || type === 11) this.#takeAnswer(type, reader);
    else if (type === 14) {
      const code = reader.rest()[0] ?? 0;
      this.#end(`The broker ended the connection: ${reasonText(code)}.`);
    }
  }

  #takeConnack(reader) {
    reader.byte();
    const code = reader.byte();
    if (code !== 0) {
      this.#end(`The broker refused the connection: ${refusals[code] ?? reasonText(code)}.`);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setInterval(() => this.#guard(() => this.#send(packet(0xC0))),
      KEEP_ALIVE_SECONDS * 500);
    this.#connecting.resolve();
    this.#connecting = null;
  }

  #takePublish(first, reader) {
    const qos = (first >> 1) & 3;
    const topic = reader.text();
    const id = qos > 0 ? [reader.byte(), reader.byte()] : null;
    reader.skipProperties();
    this.#events.onMessage({ topic, payload: reader.rest(), qos, retain: (first & 1) === 1 });
    if (id) this.#send(packet(0x40, id));
  }

  #takeAnswer(type, reader) {
    const waiting = this.#answers.get(reader.number());
    if (!waiting) return;
    this.#answers.delete(reader.body[0] * 256 + reader.body[1]);
    if (type === 4) { // PUBACK without a reason is a success
      waiting.resolve([reader.rest()[0] ?? 0]);
      return;
    }
    reader.skipProperties();
    waiting.resolve([...reader.rest()]);
  }

  #end(why) {
    if (this.#ended) return;
    this.#ended = why;
    clearTimeout(this.#timer);
    clearInterval(this.#timer);
    this.#socket?.close();
    for (const { reject } of this.#answers.values()) reject(new Error(why));
    this.#answers.clear();
    if (this.#connecting) this.#connecting.reject(new Error(why));
    else this.#events.onEnd(why);
    this.#connecting = null;
  }
}
