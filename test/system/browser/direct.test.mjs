// Paho JS in headless Chromium, over wss straight to the broker, which serves the page as well.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Deployment, Tab, brokerHost, site, strangeSite } from './deployment.mjs';
import { waitFor } from '../js/lib/wait.mjs';

let deployment;
before(async () => {
  deployment = await Deployment.startDirect();
});
after(async () => {
  await deployment?.stop();
});

// `body` gets a tab with the page of the broker; what the page throws is a failure.
function check(sentence, origin, body) {
  test(sentence, async () => {
    const tab = await Tab.open(deployment, origin);
    try {
      await body(tab);
      assert.deepEqual(tab.problems, [], 'errors thrown in the page');
    } catch (error) {
      error.message += `\n--- the broker said last:\n${deployment.broker.tail()}`;
      throw error;
    } finally {
      await tab.close();
    }
  });
}

check('a page over https connects over wss, and every QoS arrives', site, async (tab) => {
  assert.deepEqual(await tab.connect({ id: 'direct' }), { ok: true });
  await tab.call('subscribe', 'direct/#', 2);
  for (const qos of [0, 1, 2]) {
    assert.equal(await tab.call('publish', 'direct/small', `${qos}`, qos), 'delivered');
  }
  const messages = await tab.waitMessages(3);
  assert.deepEqual(
    messages.map(({ text, qos }) => [text, qos]),
    [0, 1, 2].map((qos) => [`${qos}`, qos]),
  );
});

check('a message of many TLS records arrives whole', site, async (tab) => {
  assert.deepEqual(await tab.connect({ id: 'large' }), { ok: true });
  await tab.call('subscribe', 'direct/large', 1);
  assert.equal(await tab.call('publish', 'direct/large', 900 * 1024, 1), 'delivered');
  const [message] = await tab.waitMessages(1, 60);
  assert.equal(message.bytes, 900 * 1024);
});

check('a wrong password is refused by CONNACK', site, async (tab) => {
  const { ok, message } = await tab.connect({ id: 'wrong', password: 'wrong' });
  assert.equal(ok, false);
  assert.match(message, /return code:[45]/);
});

check('a page of another Origin is refused, and the log says so', strangeSite, async (tab) => {
  const { ok } = await tab.connect({ id: 'strange' });
  assert.equal(ok, false);
  await waitFor('the refusal in the log', () =>
    /refused: 403 [^\n]*Origin/.test(deployment.broker.log()),
  );
});

check('the broker is reached under its own name as well', `https://${brokerHost}`, async (tab) => {
  assert.equal(await tab.page.title(), 'test page');
});
