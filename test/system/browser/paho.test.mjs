// Paho JS in headless Chromium, through nginx with TLS, to the real broker: the
// deployment as it is.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import https from 'node:https';
import { after, before, test } from 'node:test';
import { Deployment, Tab, brokerHost, site, strangeSite } from './deployment.mjs';
import { accepts, waitFor } from '../js/lib/wait.mjs';

const LIMIT_BYTES = 1048576;
const SOCKET_CLOSED = 7; // Paho's AMQJS0007E
const CONNACK_REFUSED = 6; // Paho's AMQJS0006E

let deployment;
before(async () => {
  deployment = await Deployment.start();
});
after(async () => {
  await deployment?.stop();
});

let serial = 0;

// `body` gets { topic, id, open }: names of its own, and a way to open tabs that are closed for it.
function check(sentence, body) {
  test(sentence, async () => {
    serial += 1;
    const tabs = [];
    const open = async (origin) => {
      const tab = await Tab.open(deployment, origin);
      tabs.push(tab);
      return tab;
    };
    const at = { topic: `b/${serial}`, id: `tab-${serial}`, open };
    try {
      await body(at);
      assert.deepEqual(
        tabs.flatMap(({ problems }) => problems),
        [],
        'errors thrown in a page',
      );
    } catch (error) {
      error.message += `\n--- the broker said last:\n${deployment.broker.tail()}`;
      throw error;
    } finally {
      for (const tab of tabs) await tab.close();
    }
  });
}

async function connected(at, name, options = {}) {
  const tab = await at.open();
  const result = await tab.connect({ id: `${at.id}-${name}`, ...options });
  assert.deepEqual(result, { ok: true });
  return tab;
}

// The same bytes as testBytes() of page.html.
function testBytes(length) {
  const bytes = Buffer.alloc(length);
  let state = length >>> 0;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

// One handshake without a browser. Returns its HTTP status; the certificate is checked.
function handshake(headers = {}) {
  return new Promise((done, fail) => {
    const request = https.request({
      host: '127.0.0.1',
      port: deployment.nginx.port,
      path: '/mqtt',
      agent: false,
      servername: brokerHost,
      ca: deployment.nginx.ca,
      headers: {
        Host: brokerHost,
        Origin: site,
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Protocol': 'mqtt',
        ...headers,
      },
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      done(response.statusCode);
    });
    request.on('response', (response) => {
      response.resume();
      done(response.statusCode);
    });
    request.on('error', fail);
    request.end();
  });
}

check('a page of an allowed Origin connects', async (at) => {
  const tab = await connected(at, 'allowed');
  assert.equal((await tab.call('state')).connected, true);
  assert.deepEqual(
    (await deployment.nginx.statuses()).filter((status) => status !== 101),
    [],
  );
});

check('a page of another Origin is refused with 403', async (at) => {
  const tab = await at.open(strangeSite);
  const { ok, code } = await tab.connect({ id: at.id });
  assert.equal(ok, false);
  assert.equal(code, SOCKET_CLOSED);
  await waitFor('403 in the log of nginx', async () =>
    (await deployment.nginx.statuses()).includes(403),
  );
  assert.equal(await handshake({ Origin: strangeSite }), 403);
  assert.equal(await handshake({ Origin: 'https://example.com.evil.net' }), 403);
});

for (const [name, options] of [
  ['a wrong password', { password: 'wrong' }],
  ['an unknown user', { userName: 'nobody' }],
  ['no user name', { userName: null, password: null }],
]) {
  check(`${name} is refused by CONNACK`, async (at) => {
    const tab = await at.open();
    const { ok, code, message } = await tab.connect({ id: at.id, ...options });
    assert.equal(ok, false);
    assert.equal(code, CONNACK_REFUSED, message);
    assert.match(message, /return code:[45]/);
  });
}

for (const mqttVersion of [3, 4]) {
  const name = { 3: 'MQTT 3.1', 4: 'MQTT 3.1.1' }[mqttVersion];
  check(`${name}: QoS 0, 1 and 2 arrive at the lower of both`, async (at) => {
    const publisher = await connected(at, 'publisher', { mqttVersion });
    const subscriber = await connected(at, 'subscriber', { mqttVersion });
    for (const granted of [0, 1, 2]) {
      assert.equal(
        await subscriber.call('subscribe', `${at.topic}/${granted}`, granted),
        granted,
      );
      for (const qos of [0, 1, 2]) {
        assert.equal(
          await publisher.call('publish', `${at.topic}/${granted}`, `${qos}`, qos),
          'delivered',
        );
      }
    }
    const messages = await subscriber.waitMessages(9);
    assert.equal(messages.length, 9);
    for (const { topic, text, qos } of messages) {
      assert.equal(qos, Math.min(Number(topic.at(-1)), Number(text)), `${topic} ${text}`);
    }
  });
}

check('binary payloads arrive unchanged', async (at) => {
  const tab = await connected(at, 'binary');
  await tab.call('subscribe', at.topic, 2);
  const lengths = [1, 125, 126, 127, 128, 4096, 16383, 16384, 65535, 65536, 65537];
  for (const length of lengths) await tab.call('publish', at.topic, length, 1);
  const messages = await tab.waitMessages(lengths.length);
  assert.deepEqual(
    messages.map(({ hash }) => hash),
    lengths.map((length) => digest(testBytes(length))),
  );
});

check('900 KB arrive whole with QoS 0, 1 and 2', async (at) => {
  const publisher = await connected(at, 'publisher');
  const subscriber = await connected(at, 'subscriber');
  await subscriber.call('subscribe', at.topic, 2);
  for (const qos of [0, 1, 2]) {
    await publisher.call('publish', at.topic, 900 * 1024, qos);
    const messages = await subscriber.waitMessages(qos + 1, 120);
    assert.equal(messages[qos].hash, digest(testBytes(900 * 1024)));
    assert.equal(messages[qos].qos, qos);
  }
});

check('a payload of exactly message_size_limit passes', async (at) => {
  const tab = await connected(at, 'limit');
  await tab.call('subscribe', at.topic, 1);
  assert.equal(await tab.call('publish', at.topic, LIMIT_BYTES, 1), 'delivered');
  const [message] = await tab.waitMessages(1, 120);
  assert.equal(message.hash, digest(testBytes(LIMIT_BYTES)));
});

for (const qos of [1, 2]) {
  check(`a payload above message_size_limit is not delivered with QoS ${qos}`, async (at) => {
    const publisher = await connected(at, 'publisher');
    const subscriber = await connected(at, 'subscriber');
    await subscriber.call('subscribe', at.topic, 2);
    const how = await publisher.call('publish', at.topic, LIMIT_BYTES + 1, qos);
    // 3.1.1 knows no refusal: acknowledge and drop, or close.
    assert.match(how, /^(delivered|lost)$/);
    const other = await connected(at, 'other');
    await other.call('publish', at.topic, 'afterwards', qos);
    const messages = await subscriber.waitMessages(1);
    assert.deepEqual(
      messages.map(({ text }) => text),
      ['afterwards'],
    );
    assert.equal((await subscriber.call('state')).losses.length, 0);
  });
}

const deaths = {
  'is closed': (tab) => tab.page.close(),
  // A renderer that crashes never answers: do not wait for the navigation.
  crashes: (tab) => {
    tab.page.goto('chrome://crash').catch(() => {});
  },
  'goes to another page': (tab) => tab.page.goto('about:blank'),
};
for (const [name, die] of Object.entries(deaths)) {
  check(`the will is sent when a tab ${name}`, async (at) => {
    const watcher = await connected(at, 'watcher');
    await watcher.call('subscribe', at.topic, 1);
    const will = { topic: at.topic, payload: 'the tab is gone', qos: 1 };
    await die(await connected(at, 'dies', { will }));
    const [message] = await watcher.waitMessages(1, 20);
    assert.equal(message.text, 'the tab is gone');
  });
}

check('no will is sent when a tab disconnects', async (at) => {
  const watcher = await connected(at, 'watcher');
  await watcher.call('subscribe', at.topic, 1);
  const tab = await connected(at, 'polite', {
    will: { topic: at.topic, payload: 'gone', qos: 1 },
  });
  await tab.call('disconnect');
  await tab.waitState('the connection to end', ({ losses }) => losses.length === 1);
  await tab.page.close();
  await watcher.call('publish', at.topic, 'afterwards', 1);
  const messages = await watcher.waitMessages(1);
  assert.deepEqual(
    messages.map(({ text }) => text),
    ['afterwards'],
  );
});

check('a late tab gets the retained message until it is cleared', async (at) => {
  const publisher = await connected(at, 'publisher');
  await publisher.call('publish', at.topic, 'kept', 1, true);
  const late = await connected(at, 'late');
  await late.call('subscribe', at.topic, 1);
  const [message] = await late.waitMessages(1);
  assert.equal(message.text, 'kept');
  assert.equal(message.retained, true);
  await publisher.call('publish', at.topic, '', 1, true);
  const later = await connected(at, 'later');
  await later.call('subscribe', at.topic, 1);
  await publisher.call('publish', at.topic, 'live', 1);
  const messages = await later.waitMessages(1);
  assert.deepEqual(
    messages.map(({ text, retained }) => [text, retained]),
    [['live', false]],
  );
});

check('of two tabs with one client id the second stays', async (at) => {
  const first = await connected(at, 'same');
  const second = await connected(at, 'same');
  await first.waitState(
    'the first to be cut',
    ({ connected: on, losses }) => !on && losses.length === 1,
  );
  await second.call('subscribe', at.topic, 1);
  await second.call('publish', at.topic, 'mine', 1);
  assert.equal((await second.waitMessages(1))[0].text, 'mine');
});

check('a session waits for a tab that was closed', async (at) => {
  const tab = await connected(at, 'stays', { cleanSession: false });
  await tab.call('subscribe', at.topic, 1);
  await tab.page.close();
  const publisher = await connected(at, 'publisher');
  await publisher.call('publish', at.topic, 'meanwhile', 1);
  const again = await connected(at, 'stays', { cleanSession: false });
  assert.equal((await again.waitMessages(1))[0].text, 'meanwhile');
});

check('100 messages in a row arrive in order', async (at) => {
  const tab = await connected(at, 'burst');
  await tab.call('subscribe', at.topic, 1);
  await tab.call('burst', at.topic, 100);
  const messages = await tab.waitMessages(100);
  assert.deepEqual(
    messages.map(({ text }) => text),
    Array.from({ length: 100 }, (_, i) => `${i}`),
  );
});

check('tabs with reconnect come back after a restart of the broker', async (at) => {
  // After a failed attempt Paho waits for its connect timeout before the next one.
  const options = { reconnect: true, resubscribe: at.topic, timeout: 5 };
  const tabs = [await connected(at, 'one', options), await connected(at, 'two', options)];
  for (const tab of tabs)
    await tab.waitState('a subscription', ({ subscribed }) => subscribed === 1);
  await deployment.broker.restart(async () => {
    for (const tab of tabs) await tab.waitState('the loss', ({ losses }) => losses.length === 1);
    // Stay away until nginx had to say so at least once.
    await waitFor(
      '502 in the log of nginx',
      async () => (await deployment.nginx.statuses()).includes(502),
      20,
    );
    assert.equal(await accepts(deployment.broker.wsPort), false);
  });
  for (const tab of tabs) {
    const state = await tab.waitState('the way back', ({ subscribed }) => subscribed === 2, 60);
    assert.equal(state.connects[1].again, true);
  }
  await tabs[0].call('publish', at.topic, 'back again', 1);
  for (const tab of tabs) assert.equal((await tab.waitMessages(1))[0].text, 'back again');
});

check('the limit of nginx lets bursts of handshakes wait, not the broker', async (at) => {
  await connected(at, 'calm');
  const statuses = await Promise.all(Array.from({ length: 30 }, () => handshake()));
  deployment.handshakes.drain();
  assert.ok(statuses.includes(101) && statuses.includes(503), statuses.join());
  assert.deepEqual(
    statuses.filter((status) => status !== 101 && status !== 503),
    [],
  );
  const tab = await connected(at, 'after');
  assert.equal((await tab.call('state')).connected, true);
});
