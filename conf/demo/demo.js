// Connects, subscribes, publishes and shows what arrives: MQTT 3.1.1 by Eclipse Paho JS.
'use strict';

const MESSAGES_SHOWN = 200;
const PAYLOAD_SHOWN = 4096; // characters
const CONNECT_TIMEOUT_SECONDS = 8; // Paho also waits this long between attempts to reconnect.
const KEEP_ALIVE_SECONDS = 60; // below the read timeout of any proxy between, and max_keepalive

const at = (id) => document.getElementById(id);
let client = null;
let userLeft = false; // the person pressed Disconnect: no error, no new attempt
let arrived = 0;
const filters = new Map(); // filter -> { qos, granted: number | null, refused: boolean }

// --- Where the broker probably is ---

function defaultUrl() {
  const { protocol, hostname, host, hash } = window.location;
  const local = ['', 'localhost', '127.0.0.1', '[::1]'].includes(hostname);
  if (protocol === 'https:') return `wss://${host}/mqtt`;
  // On this machine the broker has the usual port, or the one that a link names: index.html#9005.
  const port = /^#\d{1,5}$/.test(hash) ? hash.slice(1) : '9001';
  return local ? `ws://127.0.0.1:${port}/mqtt` : `ws://${host}/mqtt`;
}

// Returns { host, port, path, tls }, or throws an Error that says what is wrong with `text`.
function parseUrl(text) {
  let url;
  try {
    url = new URL(text.trim());
  } catch {
    throw new Error(
      'An address looks like wss://mqtt.example.com/mqtt or ws://127.0.0.1:9001/mqtt.',
    );
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new Error(`A browser speaks MQTT over ws:// or wss:// only, not ${url.protocol}//.`);
  }
  const tls = url.protocol === 'wss:';
  if (!tls && window.location.protocol === 'https:') {
    throw new Error('This page came by https://, so the browser allows wss:// only.');
  }
  return {
    host: url.hostname,
    port: Number(url.port) || (tls ? 443 : 80),
    path: url.pathname,
    tls,
  };
}

// --- State and problems ---

function showState(state, text) {
  at('state').dataset.state = state;
  at('state-text').textContent = text;
  const busy = ['connected', 'connecting', 'reconnecting'].includes(state);
  at('connect-button').hidden = busy;
  at('disconnect-button').hidden = !busy;
  at('disconnect-button').textContent = state === 'connected' ? 'Disconnect' : 'Cancel';
  for (const id of ['url', 'user', 'password', 'client-id', 'clean', 'reconnect'])
    at(id).disabled = busy;
  for (const form of ['subscribe', 'publish']) {
    at(form).querySelector('button[type=submit]').disabled = state !== 'connected';
  }
}

function showProblem(title, causes = [], detail = '') {
  at('problem-title').textContent = title;
  at('problem-causes').replaceChildren(
    ...causes.map((cause) => {
      const item = document.createElement('li');
      item.textContent = cause;
      return item;
    }),
  );
  at('problem-causes').hidden = causes.length === 0;
  at('problem-detail').textContent = detail.replace(/:undefined\.$/, '.'); // Paho's own gap
  at('problem').hidden = false;
}

function clearProblem() {
  at('problem').hidden = true;
}

// A browser tells a page nothing about a handshake that failed, so name what usually is the reason.
function handshakeCauses(tls) {
  const causes = [
    'Nothing listens there, or a firewall is between: check host, port and that the broker runs.',
    `The proxy or broker refused the upgrade: the Origin ${window.location.origin} may not be ` +
      'allowed (403), the path may be wrong (404), or Upgrade and Connection were lost (400).',
    'The port speaks raw MQTT (often 1883) and not WebSocket (often 9001).',
  ];
  if (tls) {
    causes.splice(
      1,
      0,
      'The certificate is not trusted, expired, or for another name: open the ' +
        'address with https:// in a tab to see.',
    );
  }
  causes.push("The browser's developer tools show the HTTP status under Network.");
  return causes;
}

const refusals = {
  1: [
    'The broker does not speak this version of MQTT.',
    ['Its listener may set accept_protocol_versions.'],
  ],
  2: [
    'The broker refused the client id.',
    [
      'It may demand another prefix, or be empty with clean session off.',
      `Brokers also answer so if the keepalive (${KEEP_ALIVE_SECONDS} s) is above max_keepalive.`,
    ],
  ],
  3: ['The broker is not available just now.', ['It may be at its limit of connections.']],
  4: ['Wrong user name or password.', ["Check both; the broker's log names the user."]],
  5: [
    'The broker did not let you in.',
    ['The user name or password is wrong or missing.', 'The user may not connect from here.'],
  ],
};

function explainFailure(code, message, target) {
  const refusal = /return code:\s*(\d)/.exec(message);
  if (refusal && refusals[refusal[1]]) return [...refusals[refusal[1]], message];
  if (code === 1) {
    return [
      `No answer within ${CONNECT_TIMEOUT_SECONDS} seconds.`,
      handshakeCauses(target.tls),
      message,
    ];
  }
  return [`No connection to ${at('url').value}.`, handshakeCauses(target.tls), message];
}

function explainLoss(code, message) {
  const causes = {
    4: ['The network went away, or the computer slept: the broker no longer answered pings.'],
    5: ['The data did not follow MQTT.'],
    8: [
      'The broker was stopped or restarted.',
      'Another connection took this client id (another tab?).',
      'A message was larger than the broker allows (message_size_limit).',
      'A proxy closed an idle connection: its read timeout must be above the keepalive of ' +
        `${KEEP_ALIVE_SECONDS} s.`,
    ],
  };
  return ['The connection was lost.', causes[code] ?? [], message];
}

// --- Connection ---

function connect(event) {
  event.preventDefault();
  clearProblem();
  let target;
  try {
    target = parseUrl(at('url').value);
  } catch (error) {
    showProblem('This address cannot work.', [error.message]);
    showState('failed', 'Not connected');
    return;
  }
  userLeft = false;
  const mine = new Paho.Client(target.host, target.port, target.path, at('client-id').value);
  client = mine;
  const current =
    (handler) =>
    (...values) => {
      if (client === mine) handler(...values);
    };
  // An attempt that was on its way when the person pressed Cancel: leave at once.
  mine.onConnected = (again) => (client === mine ? connected(again) : mine.disconnect());
  mine.onConnectionLost = current(lost);
  mine.onMessageArrived = current(showMessage);
  mine.onMessageDelivered = current((message) => {
    at('sent').textContent = `Delivered to ${message.destinationName}`;
  });
  showState('connecting', `Connecting to ${target.host}…`);
  const options = {
    useSSL: target.tls,
    keepAliveInterval: KEEP_ALIVE_SECONDS,
    timeout: CONNECT_TIMEOUT_SECONDS,
    cleanSession: at('clean').checked,
    reconnect: at('reconnect').checked,
    mqttVersion: 4, // 3.1.1, without the silent second attempt as 3.1
    onFailure: current(({ errorCode, errorMessage }) => {
      showState('failed', 'Not connected');
      showProblem(...explainFailure(errorCode, errorMessage ?? '', target));
    }),
  };
  if (at('user').value) {
    options.userName = at('user').value;
    options.password = at('password').value;
  }
  try {
    mine.connect(options);
  } catch (error) {
    showState('failed', 'Not connected');
    showProblem('The browser refused to connect.', [], error.message);
  }
}

function connected(again) {
  clearProblem();
  showState('connected', `Connected${again ? ' again' : ''} to ${client.host}`);
  for (const [filter, { qos }] of filters) subscribe(filter, qos); // A clean session forgot them.
}

function lost({ errorCode, errorMessage, reconnect }) {
  if (userLeft || errorCode === 0) {
    showState('disconnected', 'Not connected');
    return;
  }
  const again = reconnect && at('reconnect').checked;
  showState(
    again ? 'reconnecting' : 'failed',
    again ? 'Connection lost, trying again…' : 'Not connected',
  );
  showProblem(...explainLoss(errorCode, errorMessage ?? ''));
}

function disconnect() {
  userLeft = true;
  const leaving = client;
  client = null;
  try {
    leaving.disconnect();
  } catch {
    // Paho throws if it is between two attempts. Should one still succeed, onConnected leaves.
  }
  clearProblem();
  showState('disconnected', 'Not connected');
}

// --- Subscriptions ---

function subscribe(filter, qos) {
  const mine = client;
  const entry = { qos, granted: null, refused: false };
  filters.set(filter, entry);
  try {
    mine.subscribe(filter, {
      qos,
      onSuccess: ({ grantedQos }) => {
        entry.granted = grantedQos[0] ?? qos;
        showFilters();
      },
      onFailure: ({ errorCode }) => {
        entry.refused = true;
        showFilters();
        showProblem(
          `The broker refused the subscription to ${filter}.`,
          ['An access list may not allow it.'],
          `Return code ${errorCode?.[0] ?? errorCode}`,
        );
      },
    });
  } catch (error) {
    filters.delete(filter);
    showProblem('The subscription was not sent.', [], error.message);
  }
  showFilters();
}

function unsubscribe(filter) {
  filters.delete(filter);
  if (client?.isConnected()) client.unsubscribe(filter);
  showFilters();
}

function showFilters() {
  at('filters').replaceChildren(
    ...Array.from(filters, ([filter, { granted, refused }]) => {
      const item = document.createElement('li');
      const state = document.createElement('small');
      if (refused) state.className = 'refused';
      state.textContent = refused ? 'refused' : granted === null ? '…' : `QoS ${granted}`;
      const remove = document.createElement('button');
      remove.type = 'button';
      remove.textContent = '×';
      remove.setAttribute('aria-label', `Unsubscribe from ${filter}`);
      remove.addEventListener('click', () => unsubscribe(filter));
      item.append(filter, state, remove);
      return item;
    }),
  );
}

// --- Messages ---

function publish(event) {
  event.preventDefault();
  const message = new Paho.Message(at('payload').value);
  message.destinationName = at('topic').value;
  message.qos = Number(at('topic-qos').value);
  message.retained = at('retain').checked;
  try {
    client.send(message);
    if (message.qos === 0) at('sent').textContent = `Sent to ${message.destinationName}`;
    else at('sent').textContent = 'Sending…';
  } catch (error) {
    at('sent').textContent = '';
    showProblem('The message was not sent.', [], error.message);
  }
}

// Text if it is UTF-8, else the first bytes in hexadecimal.
function payloadText(bytes) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.length > PAYLOAD_SHOWN ? `${text.slice(0, PAYLOAD_SHOWN)}…` : text;
  } catch {
    const shown = Array.from(bytes.slice(0, 256), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join(' ');
    return bytes.length > 256 ? `${shown} …` : shown;
  }
}

function showMessage(message) {
  const bytes = message.payloadBytes;
  const item = document.createElement('li');
  const head = document.createElement('div');
  head.className = 'head';
  const topic = document.createElement('b');
  topic.textContent = message.destinationName;
  const facts = document.createElement('small');
  facts.textContent = [
    `QoS ${message.qos}`,
    ...(message.retained ? ['retained'] : []),
    `${bytes.length} ${bytes.length === 1 ? 'byte' : 'bytes'}`,
  ].join(' · ');
  const time = document.createElement('time');
  time.textContent = new Date().toLocaleTimeString([], { hour12: false });
  head.append(topic, facts, time);
  const body = document.createElement('pre');
  body.textContent = payloadText(bytes);
  item.append(head, body);
  at('messages').prepend(item);
  while (at('messages').childElementCount > MESSAGES_SHOWN)
    at('messages').lastElementChild.remove();
  arrived += 1;
  at('count').textContent = String(arrived);
  at('nothing').hidden = true;
}

function clearMessages() {
  arrived = 0;
  at('messages').replaceChildren();
  at('count').textContent = '0';
  at('nothing').hidden = false;
}

// --- Start ---

at('url').value = defaultUrl();
at('client-id').value = `demo-${Math.random().toString(36).slice(2, 10)}`;
at('connect').addEventListener('submit', connect);
at('disconnect-button').addEventListener('click', disconnect);
at('subscribe').addEventListener('submit', (event) => {
  event.preventDefault();
  subscribe(at('filter').value, Number(at('filter-qos').value));
});
at('publish').addEventListener('submit', publish);
at('clear').addEventListener('click', clearMessages);
showState('disconnected', 'Not connected');
if (typeof Paho === 'undefined') {
  showProblem('Eclipse Paho JS is missing.', [
    'Put paho-mqtt-min.js beside this page; README.md says how.',
  ]);
  at('connect-button').disabled = true;
}
