// MQTT.js, version 4 or 5, with promises and a record of what arrived.

import { createRequire } from 'node:module';
import { waitFor, within } from './wait.mjs';

const require = createRequire(import.meta.url);
const libraries = { mqtt4: require('mqtt4'), mqtt5: require('mqtt5') };

let serial = 0;

export class Client {
  #client;

  /// Starts to connect. `how` is { library, version }, `options` those of MQTT.js.
  constructor(how, url, options = {}) {
    this.messages = []; // { topic, payload, qos, retain, dup, properties }
    this.received = []; // every packet from the broker
    this.errors = [];
    this.connacks = [];
    this.disconnects = [];
    this.closes = 0;
    serial += 1;
    const legacy = how.version === 3 ? { protocolId: 'MQIsdp', protocolVersion: 3 } : {};
    this.#client = libraries[how.library].connect(url, {
      protocolVersion: how.version,
      clientId: `${how.library}-${process.pid}-${serial}`,
      reconnectPeriod: 0,
      connectTimeout: 20000,
      keepalive: 60,
      ...legacy,
      ...options,
    });
    this.id = this.#client.options.clientId;
    this.#record();
  }

  static async connect(how, url, options) {
    const client = new Client(how, url, options);
    await client.connected();
    return client;
  }

  #record() {
    this.#client.on('message', (topic, payload, packet) => {
      const { qos, retain, dup, properties = {} } = packet;
      this.messages.push({ topic, payload, qos, retain, dup, properties });
    });
    this.#client.on('packetreceive', (packet) => this.received.push(packet));
    this.#client.on('connect', (connack) => this.connacks.push(connack));
    this.#client.on('disconnect', (packet) => this.disconnects.push(packet));
    this.#client.on('error', (error) => this.errors.push(error));
    this.#client.on('close', () => {
      this.closes += 1;
    });
  }

  /// Waits for CONNACK number `count` and returns it.
  async connected(count = 1) {
    await waitFor('CONNACK', () => {
      if (this.errors.length > 0) throw this.errors[0];
      return this.connacks.length >= count;
    });
    return this.connacks[count - 1];
  }

  get isConnected() {
    return this.#client.connected;
  }

  get connack() {
    return this.connacks[this.connacks.length - 1];
  }

  /// Returns when the handshake of this QoS is complete.
  publish(topic, payload, options = {}, seconds = 60) {
    return within(
      `PUBLISH to ${topic}`,
      new Promise((done, fail) => {
        this.#client.publish(topic, payload, options, (error) => (error ? fail(error) : done()));
      }),
      seconds,
    );
  }

  /// `filter` is a string, or an object of MQTT.js: { filter: { qos, nl, rap, rh } }.
  subscribe(filter, options = {}) {
    return within(
      `SUBSCRIBE to ${JSON.stringify(filter)}`,
      new Promise((done, fail) => {
        this.#client.subscribe(filter, options, (error, granted) =>
          error ? fail(error) : done(granted),
        );
      }),
    );
  }

  unsubscribe(filter) {
    return within(
      `UNSUBSCRIBE from ${filter}`,
      new Promise((done, fail) => {
        this.#client.unsubscribe(filter, (error) => (error ? fail(error) : done()));
      }),
    );
  }

  /// Waits until `count` messages came, and returns them.
  async waitMessages(count, seconds = 60) {
    await waitFor(
      () => `${count} messages, ${this.messages.length} came`,
      () => this.messages.length >= count,
      seconds,
    );
    return this.messages.slice(0, count);
  }

  async waitClosed(count = 1) {
    await waitFor('the connection to close', () => this.closes >= count);
  }

  /// Cuts the connection under the client: no DISCONNECT, no Close.
  cut() {
    this.#client.stream.destroy();
  }

  /// Says DISCONNECT and closes; with `force` it just goes.
  async end(force = false) {
    await within(
      'the end of a client',
      new Promise((done) => {
        this.#client.end(force, () => done());
      }),
    );
  }
}
