// MQTT.js 4 and 5 over TCP, WebSocket, and both with TLS, as MQTT 3.1, 3.1.1 and 5.0, against the
// real broker.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Broker, user } from './lib/broker.mjs';
import { Client } from './lib/mqttjs.mjs';
import { stopAll } from './lib/processes.mjs';
import { waitFor } from './lib/wait.mjs';

const LIMIT_BYTES = 1048576;
const MAX_KEEP_ALIVE_SECONDS = 600;
const NO_SUBSCRIBER = 0x10;
const QUOTA_EXCEEDED = 0x97;
const PACKET_TOO_LARGE = 0x95;
const TAKEN_OVER = 0x8e;
const plain = ['tcp', 'ws'];
const withTls = ['tls', 'wss'];
const everywhere = [...plain, ...withTls];
const versionName = { 3: '3.1', 4: '3.1.1', 5: '5.0' };

let open; // asks for no password
let askForPassword; // starts one that asks for one

before(async () => {
  const listeners = ({ tcpPort, wsPort }) => [
    `listener ${tcpPort} 127.0.0.1`,
    `listener ${wsPort} 127.0.0.1`,
    'protocol websockets',
    `max_keepalive ${MAX_KEEP_ALIVE_SECONDS}`,
    `message_size_limit ${LIMIT_BYTES}`,
    'max_queued_messages 2000',
  ];
  const tls = (at) => {
    const { chainFile, keyFile } = at.certificates();
    const pair = [`certfile ${chainFile}`, `keyfile ${keyFile}`];
    return [
      `listener ${at.tlsPort} 127.0.0.1`,
      ...pair,
      `listener ${at.wssPort} 127.0.0.1`,
      'protocol websockets',
      ...pair,
    ];
  };
  open = await Broker.start((at) => [...listeners(at), ...tls(at), 'allow_anonymous true']);
  askForPassword = () =>
    Broker.start((at) => [
      ...listeners(at),
      'allow_anonymous false',
      `password_file ${at.passwordFile}`,
    ]);
});

after(async () => {
  await stopAll(open);
});

// What a test sees: how to connect, and a topic of its own. Its clients are ended for it.
class Case {
  #clients = [];
  #ends = [];

  constructor(library, transport, version, serial) {
    Object.assign(this, { library, transport, version });
    this.topic = `t/${serial}`;
    this.id = `case-${serial}`;
  }

  async connect(options = {}, broker = open) {
    const client = this.begin(options, broker);
    await client.connected();
    return client;
  }

  begin(options = {}, broker = open) {
    const tls = withTls.includes(this.transport) ? { ca: broker.certificates().ca } : {};
    const client = new Client(this, broker.url(this.transport), { ...tls, ...options });
    this.#clients.push(client);
    return client;
  }

  /// A client whose session outlives its connection, in every version.
  stay(name, options = {}) {
    const properties = this.version === 5 ? { properties: { sessionExpiryInterval: 600 } } : {};
    return this.connect({
      clientId: `${this.id}-${name}`,
      clean: false,
      ...properties,
      ...options,
    });
  }

  /// What else is to be ended, after the clients.
  atEnd(end) {
    this.#ends.push(end);
  }

  async endAll() {
    await Promise.all(this.#clients.map((client) => client.end(true)));
    for (const end of this.#ends) await end();
  }
}

let serial = 0;
const tests = [];

// A test of every library, transport and version. Each has clients and topics of its own, so that
// several run at a time: most of them wait most of the time.
function check(sentence, versions, body, transports = plain) {
  for (const library of ['mqtt4', 'mqtt5']) {
    for (const transport of transports) {
      for (const version of versions) {
        const name = `${library} ${transport} ${versionName[version]}: ${sentence}`;
        const run = async () => {
          serial += 1;
          const at = new Case(library, transport, version, serial);
          try {
            await body(at);
          } catch (error) {
            error.message += `\n--- the broker said last:\n${open.tail()}`;
            throw error;
          } finally {
            await at.endAll();
          }
        };
        tests.push([name, run]);
      }
    }
  }
}

const all = [3, 4, 5];
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
const texts = (messages) => messages.map(({ payload }) => payload.toString());
const numbered = (count) => Array.from({ length: count }, (_, i) => `${i}`);

// A message that arrives after everything that was sent to `subscriber` before it.
async function flush(at, publisher, subscriber) {
  await publisher.publish(at.topic, 'last', { qos: 1 });
  await waitFor('the last message', () => texts(subscriber.messages).includes('last'), 60);
  return subscriber.messages.filter(({ payload }) => payload.toString() !== 'last');
}

check('every QoS arrives at the lower of both', all, async (at) => {
  const publisher = await at.connect();
  for (const granted of [0, 1, 2]) {
    const subscriber = await at.connect();
    const [{ qos }] = await subscriber.subscribe(`${at.topic}/${granted}`, { qos: granted });
    assert.equal(qos, granted);
    for (const sent of [0, 1, 2]) {
      await publisher.publish(`${at.topic}/${granted}`, `qos ${sent}`, { qos: sent });
    }
    const messages = await subscriber.waitMessages(3);
    assert.deepEqual(texts(messages).sort(), ['qos 0', 'qos 1', 'qos 2']);
    for (const { payload, qos: got } of messages) {
      assert.equal(got, Math.min(granted, Number(payload.toString().slice(4))));
    }
  }
}, everywhere);

check('binary and empty payloads arrive unchanged', all, async (at) => {
  const client = await at.connect();
  await client.subscribe(at.topic, { qos: 1 });
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await client.publish(at.topic, bytes, { qos: 1 });
  await client.publish(at.topic, '', { qos: 1 });
  const [first, second] = await client.waitMessages(2);
  assert.deepEqual(first.payload, bytes);
  assert.equal(second.payload.length, 0);
});

check('900 KB arrive whole with QoS 0, 1 and 2', all, async (at) => {
  const [publisher, subscriber] = [await at.connect(), await at.connect()];
  await subscriber.subscribe(at.topic, { qos: 2 });
  for (const qos of [0, 1, 2]) {
    const payload = randomBytes(900 * 1024);
    await publisher.publish(at.topic, payload, { qos });
    await subscriber.waitMessages(qos + 1, 120);
    const got = subscriber.messages[qos];
    assert.equal(got.qos, qos);
    assert.equal(digest(got.payload), digest(payload));
  }
}, everywhere);

check('wildcards match, and an unsubscribed filter is silent', all, async (at) => {
  const client = await at.connect();
  await client.subscribe(`${at.topic}/+/b`, { qos: 1 });
  await client.subscribe(`${at.topic}/x/#`, { qos: 1 });
  for (const rest of ['a/b', 'a/c', 'x', 'x/y/z']) {
    await client.publish(`${at.topic}/${rest}`, rest, { qos: 1 });
  }
  assert.deepEqual(texts(await client.waitMessages(3)), ['a/b', 'x', 'x/y/z']);
  await client.unsubscribe(`${at.topic}/x/#`);
  await client.publish(`${at.topic}/x`, 'unheard', { qos: 1 });
  await client.publish(`${at.topic}/a/b`, 'heard', { qos: 1 });
  assert.deepEqual(texts(await client.waitMessages(4)), ['a/b', 'x', 'x/y/z', 'heard']);
});

check('a retained message waits for late subscribers until it is cleared', all, async (at) => {
  const publisher = await at.connect();
  const early = await at.connect();
  await early.subscribe(at.topic, { qos: 1 });
  await publisher.publish(at.topic, 'kept', { qos: 1, retain: true });
  const [live] = await early.waitMessages(1);
  assert.equal(live.retain, false);

  const late = await at.connect();
  await late.subscribe(at.topic, { qos: 1 });
  const [kept] = await late.waitMessages(1);
  assert.equal(kept.retain, true);
  assert.equal(kept.payload.toString(), 'kept');

  await publisher.publish(at.topic, '', { qos: 1, retain: true });
  const later = await at.connect();
  await later.subscribe(at.topic, { qos: 1 });
  assert.deepEqual(await flush(at, publisher, later), []);
});

check('a will is sent when the socket dies, and not after DISCONNECT', all, async (at) => {
  const watcher = await at.connect();
  await watcher.subscribe(`${at.topic}/#`, { qos: 1 });
  const will = (name) => ({
    will: { topic: `${at.topic}/${name}`, payload: `${name} is gone`, qos: 1, retain: false },
  });
  const polite = await at.connect(will('polite'));
  await polite.end();
  const dead = await at.connect(will('dead'));
  dead.cut();
  const [message] = await watcher.waitMessages(1);
  assert.equal(message.topic, `${at.topic}/dead`);
  assert.deepEqual(texts(await flush(at, await at.connect(), watcher)), ['dead is gone']);
});

check('a session keeps its subscriptions and what came meanwhile', all, async (at) => {
  const first = await at.stay('subscriber');
  await first.subscribe({ [`${at.topic}/1`]: { qos: 1 }, [`${at.topic}/2`]: { qos: 2 } });
  await first.end();
  const publisher = await at.connect();
  for (const text of numbered(50)) {
    await publisher.publish(`${at.topic}/1`, text, { qos: 1 });
    await publisher.publish(`${at.topic}/2`, text, { qos: 2 });
  }
  const second = await at.stay('subscriber');
  if (at.version > 3) assert.equal(second.connack.sessionPresent, true);
  await second.waitMessages(100);
  for (const qos of [1, 2]) {
    const these = second.messages.filter(({ topic }) => topic === `${at.topic}/${qos}`);
    assert.deepEqual(texts(these), numbered(50));
    assert.ok(these.every((message) => message.qos === qos));
  }
  await second.end();

  const clean = await at.connect({ clientId: second.id, clean: true });
  if (at.version > 3) assert.equal(clean.connack.sessionPresent, false);
});

check('a session survives a socket that was destroyed', all, async (at) => {
  const first = await at.stay('subscriber');
  await first.subscribe(at.topic, { qos: 1 });
  first.cut();
  await first.waitClosed();
  const publisher = await at.connect();
  await publisher.publish(at.topic, 'while you were out', { qos: 1 });
  const second = await at.stay('subscriber');
  assert.deepEqual(texts(await second.waitMessages(1)), ['while you were out']);
}, everywhere);

check('500 QoS 1 messages at once are all acknowledged and arrive in order', all, async (at) => {
  const [publisher, subscriber] = [await at.connect(), await at.connect()];
  await subscriber.subscribe(at.topic, { qos: 1 });
  await Promise.all(numbered(500).map((text) => publisher.publish(at.topic, text, { qos: 1 })));
  assert.deepEqual(texts(await subscriber.waitMessages(500)), numbered(500));
  assert.equal(publisher.closes, 0);
  assert.deepEqual(publisher.errors, []);
}, everywhere);

check('200 QoS 2 messages at once arrive once and in order', [3, 4], async (at) => {
  const [publisher, subscriber] = [await at.connect(), await at.connect()];
  await subscriber.subscribe(at.topic, { qos: 2 });
  await Promise.all(numbered(200).map((text) => publisher.publish(at.topic, text, { qos: 2 })));
  assert.deepEqual(texts(await subscriber.waitMessages(200)), numbered(200));
  assert.deepEqual(texts(await flush(at, publisher, subscriber)), numbered(200));
});

check(
  'QoS 1 messages reach the other side although the connection is cut twice',
  all,
  async (at) => {
    const subscriber = await at.connect();
    await subscriber.subscribe(at.topic, { qos: 1 });
    const publisher = await at.stay('publisher', { reconnectPeriod: 20 });
    const sent = numbered(60).map((text) => publisher.publish(at.topic, text, { qos: 1 }));
    for (const [index, after] of [
      [1, 5],
      [2, 30],
    ]) {
      await waitFor('some messages', () => subscriber.messages.length >= after);
      publisher.cut();
      await publisher.connected(index + 1);
    }
    await Promise.all(sent);
    await waitFor('every message', () => new Set(texts(subscriber.messages)).size === 60);
  },
);

check('a payload of exactly message_size_limit passes', all, async (at) => {
  const [publisher, subscriber] = [await at.connect(), await at.connect()];
  await subscriber.subscribe(at.topic, { qos: 1 });
  const payload = randomBytes(LIMIT_BYTES);
  await publisher.publish(at.topic, payload, { qos: 1 });
  const [message] = await subscriber.waitMessages(1, 120);
  assert.equal(digest(message.payload), digest(payload));
});

// Never delivered. Before 5.0 acknowledged or the connection closed; in 5.0 DISCONNECT 0x95, or
// a PUBACK or PUBREC with a code that those packets may carry.
for (const qos of [0, 1, 2]) {
  check(`a payload above message_size_limit is refused with QoS ${qos}`, all, async (at) => {
    const [publisher, subscriber] = [await at.connect(), await at.connect()];
    await subscriber.subscribe(at.topic, { qos: 1 });
    let outcome = null;
    const answered = () => {
      outcome = 'answered';
    };
    const sent = publisher.publish(at.topic, randomBytes(LIMIT_BYTES + 1), { qos });
    if (qos === 0) {
      // Nothing answers a QoS 0 publish: take the answer to the one behind it.
      sent.catch(() => {});
      publisher.publish(`${at.topic}/after`, 'x', { qos: 1 }).then(answered, () => {});
    } else {
      sent.then(answered, answered);
    }
    await waitFor('an answer', () => outcome !== null || publisher.closes > 0, 30);
    assert.deepEqual(publisher.errors, []);
    if (at.version === 5) {
      const codes = [...publisher.disconnects.map(({ reasonCode }) => reasonCode)];
      if (publisher.closes > 0) assert.deepEqual(codes, [PACKET_TOO_LARGE]);
      const acknowledgements = publisher.received.filter(({ cmd }) => /puback|pubrec/.test(cmd));
      for (const { reasonCode } of acknowledgements) {
        assert.ok(
          [undefined, 0, NO_SUBSCRIBER, QUOTA_EXCEEDED].includes(reasonCode),
          `reason code ${reasonCode}`,
        );
      }
    }
    assert.deepEqual(await flush(at, await at.connect(), subscriber), []);
  });
}

check('the second connection of a client id replaces the first', all, async (at) => {
  const first = await at.connect({ clientId: at.id });
  const second = await at.connect({ clientId: at.id });
  await first.waitClosed();
  if (at.version === 5) assert.equal(first.disconnects[0]?.reasonCode, TAKEN_OVER);
  await second.subscribe(at.topic, { qos: 1 });
  await second.publish(at.topic, 'still here', { qos: 1 });
  assert.deepEqual(texts(await second.waitMessages(1)), ['still here']);
});

check('idle clients stay connected by their pings', all, async (at) => {
  const client = await at.connect({ keepalive: 1 });
  const pings = () => client.received.filter(({ cmd }) => cmd === 'pingresp').length;
  await waitFor('three PINGRESP', () => pings() >= 3);
  assert.equal(client.closes, 0);
});

check('100 clients that connect at once all get the message', all, async (at) => {
  const clients = Array.from({ length: 100 }, () => at.begin());
  await Promise.all(
    clients.map(async (client) => {
      await client.connected();
      await client.subscribe(at.topic, { qos: 1 });
    }),
  );
  await clients[0].publish(at.topic, 'to all', { qos: 1 });
  for (const client of clients) assert.deepEqual(texts(await client.waitMessages(1)), ['to all']);
}, everywhere);

check('the right password opens, anything else does not', all, async (at) => {
  // A broker of its own: wrong passwords make the next ones wait.
  const closed = await askForPassword();
  at.atEnd(() => stopAll(closed));
  const login = { username: user.name, password: user.password };
  const client = await at.connect(login, closed);
  await client.subscribe(at.topic, { qos: 1 });
  await client.publish(at.topic, 'inside', { qos: 1 });
  assert.deepEqual(texts(await client.waitMessages(1)), ['inside']);

  const wrong = [
    { ...login, password: 'wrong' },
    { ...login, password: `${user.password}\0x` }, // All bytes count, not only those before a NUL.
    { ...login, username: 'nobody' },
    { username: user.name },
    {},
  ];
  const refusals = at.version === 5 ? [0x86, 0x87] : [4, 5];
  for (const options of wrong) {
    const refused = at.begin(options, closed);
    await waitFor(
      `a refusal of ${JSON.stringify(options)}`,
      () => refused.errors.length > 0 || refused.connacks.length > 0,
    );
    assert.deepEqual(refused.connacks, [], JSON.stringify(options));
    assert.ok(
      refusals.includes(refused.errors[0].code),
      `${JSON.stringify(options)}: ${refused.errors[0].code} ${refused.errors[0].message}`,
    );
  }
});

check('max_keepalive is announced to the client [MQTT-3.2.2-21]', [5], async (at) => {
  const client = await at.connect({ keepalive: MAX_KEEP_ALIVE_SECONDS + 300 });
  assert.equal(client.connack.properties.serverKeepAlive, MAX_KEEP_ALIVE_SECONDS);
});

check('a client without an id is given one [MQTT-3.2.2-16]', [5], async (at) => {
  const client = await at.connect({ clientId: '' });
  assert.match(client.connack.properties.assignedClientIdentifier, /^auto-[0-9a-f-]{36}$/i);
});

check(
  'a message arrives with the properties it was sent with [MQTT-3.3.2-17]',
  [5],
  async (at) => {
    const client = await at.connect();
    await client.subscribe(at.topic, {
      qos: 1,
      properties: { subscriptionIdentifier: 268435455 },
    });
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 60,
      contentType: 'text/plain; charset=utf-8',
      responseTopic: `${at.topic}/answer`,
      correlationData: Buffer.from([0, 1, 2, 255]),
      userProperties: { key: ['one', 'two', 'one'], empty: '' },
    };
    await client.publish(at.topic, 'Grüße', { qos: 1, properties });
    const [{ properties: got }] = await client.waitMessages(1);
    assert.ok(got.messageExpiryInterval > 50 && got.messageExpiryInterval <= 60);
    assert.equal([got.subscriptionIdentifier].flat()[0], 268435455);
    for (const name of ['payloadFormatIndicator', 'contentType', 'responseTopic']) {
      assert.equal(got[name], properties[name], name);
    }
    assert.deepEqual(got.correlationData, properties.correlationData);
    assert.deepEqual({ ...got.userProperties }, properties.userProperties);
  },
);

check(
  'overlapping subscriptions give one copy with every identifier [MQTT-3.3.4-4]',
  [5],
  async (at) => {
    const client = await at.connect();
    await client.subscribe(`${at.topic}/#`, {
      qos: 1,
      properties: { subscriptionIdentifier: 1 },
    });
    await client.subscribe(`${at.topic}/+`, {
      qos: 1,
      properties: { subscriptionIdentifier: 2 },
    });
    await client.publish(`${at.topic}/x`, 'once', { qos: 1 });
    await client.publish(`${at.topic}/y/z`, 'last', { qos: 1 });
    await waitFor('the last message', () => texts(client.messages).includes('last'));
    assert.deepEqual(texts(client.messages), ['once', 'last']);
    assert.deepEqual([...client.messages[0].properties.subscriptionIdentifier].sort(), [1, 2]);
  },
);

check('no local, retain as published and retain handling hold', [5], async (at) => {
  const publisher = await at.connect();
  await publisher.publish(`${at.topic}/old`, 'old', { qos: 1, retain: true });
  await publisher.subscribe({ [`${at.topic}/#`]: { qos: 1, nl: true, rap: false, rh: 2 } });
  const subscriber = await at.connect();
  await subscriber.subscribe({ [`${at.topic}/#`]: { qos: 1, nl: false, rap: true, rh: 0 } });
  assert.deepEqual(texts(await subscriber.waitMessages(1)), ['old']);
  await publisher.publish(`${at.topic}/new`, 'new', { qos: 1, retain: true });
  const [, message] = await subscriber.waitMessages(2);
  assert.equal(message.retain, true);
  await subscriber.publish(`${at.topic}/last`, 'last', { qos: 1 });
  assert.deepEqual(texts(await publisher.waitMessages(1)), ['last']);
});

check('topic aliases work in both directions', [5], async (at) => {
  const publisher = await at.connect({ autoAssignTopicAlias: true, autoUseTopicAlias: true });
  // MQTT.js 4 wants the option at the top and breaks if it is where MQTT.js 5 wants it.
  const maximum = { topicAliasMaximum: 10 };
  const subscriber = await at.connect(at.library === 'mqtt4' ? maximum : { properties: maximum });
  await subscriber.subscribe(`${at.topic}/#`, { qos: 1 });
  const topics = numbered(60).map((text) => `${at.topic}/${text % 15}`);
  for (const topic of topics) await publisher.publish(topic, 'x', { qos: 1 });
  const messages = await subscriber.waitMessages(topics.length);
  assert.deepEqual(
    messages.map(({ topic }) => topic),
    topics,
  );
  assert.deepEqual(subscriber.errors, []);
});

check('a publish that nobody hears is told so', [5], async (at) => {
  const client = await at.connect();
  await client.publish(at.topic, 'hello?', { qos: 1 });
  const puback = client.received.find(({ cmd }) => cmd === 'puback');
  assert.equal(puback.reasonCode, NO_SUBSCRIBER);
});

check(
  'a packet above the maximum of the client is not sent to it [MQTT-3.1.2-24]',
  [5],
  async (at) => {
    const small = await at.connect({ properties: { maximumPacketSize: 1000 } });
    await small.subscribe(at.topic, { qos: 1 });
    const publisher = await at.connect();
    await publisher.publish(at.topic, randomBytes(2000), { qos: 1 });
    assert.deepEqual(await flush(at, publisher, small), []);
    assert.equal(small.closes, 0);
  },
);

check(
  'a shared subscription gives each message to one member [MQTT-4.8.2-3]',
  [5],
  async (at) => {
    const members = [await at.connect(), await at.connect(), await at.connect()];
    for (const member of members) await member.subscribe(`$share/group/${at.topic}`, { qos: 1 });
    const publisher = await at.connect();
    for (const text of numbered(90)) await publisher.publish(at.topic, text, { qos: 1 });
    const got = () => members.flatMap(({ messages }) => texts(messages));
    await waitFor('90 messages', () => got().length >= 90);
    assert.deepEqual(
      got().sort((a, b) => a - b),
      numbered(90),
    );
    assert.ok(
      members.every(({ messages }) => messages.length > 0),
      'a member got nothing',
    );
  },
);

check('a delayed will waits, and comes with its properties [MQTT-3.1.3-9]', [5], async (at) => {
  const watcher = await at.connect();
  await watcher.subscribe(`${at.topic}/#`, { qos: 1 });
  const will = (name, seconds) => ({
    topic: `${at.topic}/${name}`,
    payload: 'gone',
    qos: 1,
    retain: false,
    properties: { willDelayInterval: seconds, contentType: 'x/will', userProperties: { k: 'v' } },
  });
  const back = await at.stay('back', { will: will('back', 1) });
  back.cut();
  await back.waitClosed();
  await at.stay('back');
  const dead = await at.stay('dead', { will: will('dead', 2) });
  dead.cut();
  const cutAt = Date.now();
  const [message] = await watcher.waitMessages(1, 15);
  assert.equal(message.topic, `${at.topic}/dead`);
  assert.ok(Date.now() - cutAt > 1500, 'the will came early');
  assert.equal(message.properties.contentType, 'x/will');
  assert.equal(message.properties.userProperties.k, 'v');
});

describe('MQTT.js', { concurrency: 4 }, () => {
  for (const [name, run] of tests) test(name, run);
});
