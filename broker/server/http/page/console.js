// A console: a client of this broker in the page, which subscribes and publishes.

import { api, bytes, h } from './parts.js';
import { MqttClient, reasonText } from './mqtt.js';

const MESSAGES_MAX = 200; // the oldest go
const PAYLOAD_SHOWN = 2000; // characters
const SUBSCRIPTIONS_MAX = 50;
const LOOK_MILLISECONDS = 500;

/// The addresses of the listeners that a page of this address can reach: a page that came over
/// TLS can open no connection without.
export function addressesOf(listeners, { protocol, hostname }) {
  return listeners
    .filter((each) => each.protocol === 'websockets' && each.open && each.port !== 0)
    .filter((each) => each.tls || protocol !== 'https:')
    .map((each) => [each.tls ? 'wss' : 'ws', `//${hostname}:${each.port}${each.path || '/mqtt'}`])
    .map((parts) => parts.join(':'));
}

// Text if it is UTF-8, else bytes in hexadecimal.
function payloadText(payload) {
  try {
    const all = new TextDecoder('utf-8', { fatal: true }).decode(payload);
    return all.length > PAYLOAD_SHOWN ? `${all.slice(0, PAYLOAD_SHOWN)}…` : all;
  } catch {
    const first = payload.subarray(0, PAYLOAD_SHOWN / 8);
    const shown = Array.from(first, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    return first.length < payload.length ? `${shown} …` : shown;
  }
}

const lineOf = (message) => h('li', {}, h('div', {},
  h('time', {}, message.time.toLocaleTimeString([], { hour12: false })), ' ',
  h('b', {}, message.topic), ' ', h('span', { class: 'soft' }, [`QoS ${message.qos}`,
    message.retain && 'retained', bytes(message.payload.length)].filter(Boolean).join(', '))),
h('pre', {}, payloadText(message.payload)));

const qosChoice = (id) => h('label', {}, 'QoS',
  h('select', { id }, h('option', { value: '0' }, '0'), h('option', { value: '1' }, '1')));

/// The messages, the newest first. Those of a fast topic are put into the page some at a time.
class Messages {
  constructor() {
    this.list = h('ol', { class: 'messages', id: 'console-messages' });
    this.count = h('span', { class: 'soft', id: 'console-count' }, 'No message has come.');
    this.waiting = [];
    this.arrived = 0;
    this.drawing = false;
  }

  add(message) {
    this.arrived += 1;
    this.waiting.push({ ...message, payload: message.payload.slice(), time: new Date() });
    if (this.waiting.length > MESSAGES_MAX) this.waiting.shift();
    if (this.drawing) return;
    this.drawing = true;
    setTimeout(() => this.draw(), 50);
  }

  draw() {
    this.drawing = false;
    this.list.prepend(...this.waiting.reverse().map(lineOf));
    this.waiting = [];
    while (this.list.childElementCount > MESSAGES_MAX) this.list.lastElementChild.remove();
    this.count.textContent = `${this.arrived} came, the last ${this.list.childElementCount} are `
      + 'shown.';
  }

  clear() {
    this.list.replaceChildren();
    this.count.textContent = '';
    this.arrived = 0;
  }
}

class Console {
  #client = null;
  #messages = new Messages();
  #filters = h('ul', { class: 'filters', id: 'console-filters' });
  #state = h('p', { class: 'soft', id: 'console-state', role: 'status' }, 'Not connected.');

  constructor(addresses) {
    this.url = h('input', { id: 'console-url', list: 'console-urls', spellcheck: 'false',
      required: true, value: addresses[0] ?? '' });
    this.urls = h('datalist', { id: 'console-urls' },
      addresses.map((value) => h('option', { value })));
    this.user = h('input', { id: 'console-user', autocomplete: 'off', autocapitalize: 'none' });
    this.password = h('input', { id: 'console-password', type: 'password',
      autocomplete: 'new-password' });
    this.id = h('input', { id: 'console-id', spellcheck: 'false',
      value: `console-${Math.random().toString(36).slice(2, 10)}` });
    this.connectButton = h('button', { id: 'console-connect' }, 'Connect');
    this.disconnectButton = h('button', { id: 'console-disconnect', type: 'button', class: 'quiet',
      onclick: () => this.#client?.disconnect() }, 'Disconnect');
    this.filter = h('input', { id: 'console-filter', required: true, spellcheck: 'false',
      placeholder: 'home/+/temperature' });
    this.filterQos = qosChoice('console-filter-qos');
    this.topic = h('input', { id: 'console-topic', required: true, spellcheck: 'false' });
    this.payload = h('textarea', { id: 'console-payload', rows: '3', spellcheck: 'false' });
    this.topicQos = qosChoice('console-topic-qos');
    this.retain = h('input', { id: 'console-retain', type: 'checkbox' });
    this.buttons = [h('button', { id: 'console-subscribe' }, 'Subscribe'),
      h('button', { id: 'console-publish' }, 'Publish')];
    this.#show(false);
  }

  elements() {
    const form = (work, ...children) => h('form', { class: 'tools', onsubmit: (event) => {
      event.preventDefault();
      work();
    } }, children);
    const clear = h('button', { type: 'button', class: 'quiet small',
      onclick: () => this.#messages.clear() }, 'Clear');
    return [
      form(() => this.#connect(), h('label', { class: 'search' }, 'Listener', this.url, this.urls),
        h('label', {}, 'User name', this.user), h('label', {}, 'Password', this.password),
        h('label', {}, 'Client id', this.id), this.connectButton, this.disconnectButton),
      this.#state,
      h('div', { class: 'grid broad' },
        h('section', { class: 'card' }, h('h2', {}, 'Subscribe'),
          form(() => this.#subscribe(), h('label', { class: 'search' }, 'Topic filter',
            this.filter), this.filterQos, this.buttons[0]), this.#filters),
        h('section', { class: 'card' }, h('h2', {}, 'Publish'),
          form(() => this.#publish(), h('label', { class: 'search' }, 'Topic', this.topic),
            this.topicQos, h('label', { class: 'check' }, this.retain, ' retain'),
            h('label', { class: 'whole' }, 'Payload', this.payload), this.buttons[1]))),
      h('section', { class: 'card' }, h('h2', {}, 'Messages'),
        h('div', { class: 'pages' }, this.#messages.count, clear), this.#messages.list)];
  }

  leave() { this.#client?.disconnect(); }

  #say(text, isBad = false) {
    this.#state.textContent = text;
    this.#state.className = isBad ? 'bad' : 'soft';
  }

  #show(isConnected) {
    for (const each of [this.url, this.user, this.password, this.id, this.connectButton]) {
      each.disabled = isConnected;
    }
    for (const each of [this.disconnectButton, ...this.buttons]) each.disabled = !isConnected;
  }

  async #connect() {
    const client = new MqttClient({
      onMessage: (message) => this.#messages.add(message),
      onEnd: (text) => this.#ended(text),
    });
    const login = { clientId: this.id.value, userName: this.user.value,
      password: this.password.value };
    this.password.value = '';
    this.#say('Connecting…');
    this.#show(true);
    this.#client = client;
    try {
      await client.connect(this.url.value, login);
      this.#say(`Connected to ${this.url.value} as ${login.clientId}.`);
    } catch (error) {
      this.#ended(error.message);
    }
  }

  #ended(text) {
    this.#client = null;
    this.#filters.replaceChildren();
    this.#show(false);
    this.#say(text, text !== 'Disconnected.');
  }

  async #try(work) {
    try {
      await work();
    } catch (error) {
      if (this.#client) this.#say(error.message, true);
    }
  }

  #subscribe() {
    const filter = this.filter.value;
    return this.#try(async () => {
      if (this.#filters.childElementCount >= SUBSCRIPTIONS_MAX) {
        throw new Error(`This console has at most ${SUBSCRIPTIONS_MAX} subscriptions.`);
      }
      const qos = await this.#client.subscribe(filter,
        Number(this.filterQos.querySelector('select').value)).catch((error) => {
        throw new Error(`The subscription to ${filter} was refused: ${error.message}.`);
      });
      const known = [...this.#filters.children].find((each) => each.dataset.filter === filter);
      known?.remove();
      const item = h('li', { 'data-filter': filter }, `${filter}, QoS ${qos} `);
      item.append(h('button', { type: 'button', class: 'quiet small', onclick: () =>
        this.#try(async () => {
          await this.#client.unsubscribe(filter);
          item.remove();
        }) }, 'Unsubscribe'));
      this.#filters.append(item);
      this.#say(`Subscribed to ${filter} with QoS ${qos}.`);
    });
  }

  #publish() {
    const topic = this.topic.value;
    return this.#try(async () => {
      const code = await this.#client.publish(topic, this.payload.value, {
        qos: Number(this.topicQos.querySelector('select').value),
        retain: this.retain.checked,
      }).catch((error) => {
        throw new Error(`The message to ${topic} was refused: ${error.message}.`);
      });
      this.#say(code === 0 ? `Published to ${topic}.`
        : `Published to ${topic}: ${reasonText(code)}.`);
    });
  }
}

export async function showConsole(view) {
  const { listeners } = await api('/status');
  const found = addressesOf(listeners, window.location);
  const made = new Console(found);
  view.replaceChildren(h('h1', {}, 'Console'),
    h('p', { class: 'soft' }, found.length > 0
      ? 'A client of MQTT 5.0 in this page. User name and password are those of MQTT, and are not '
        + 'kept.'
      : 'This broker has no WebSocket listener that this page can reach: "protocol websockets" '
        + 'makes one of a listener.'),
    ...made.elements());
  // It disconnects when another view is shown.
  const watch = setInterval(() => {
    if (view.isConnected) return;
    clearInterval(watch);
    made.leave();
  }, LOOK_MILLISECONDS);
}
