// The demo page of conf/demo as a person uses it: through nginx, from the disk,
// and from the broker.

import assert from 'node:assert/strict';
import { copyFile, mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Deployment, site, strangeSite } from './deployment.mjs';
import { Broker } from '../js/lib/broker.mjs';
import { waitFor } from '../js/lib/wait.mjs';

// DARTER_SCREENSHOTS names a folder for pictures of the page; without it they are not kept.
const pictures = process.env.DARTER_SCREENSHOTS;

let deployment;
before(async () => {
  deployment = await Deployment.start();
});
after(async () => {
  await deployment?.stop();
});

class Demo {
  static async open(address, options = {}) {
    const demo = new Demo();
    demo.context = await deployment.browser.newContext({
      viewport: { width: 1100, height: 800 },
      ...options,
    });
    demo.page = await demo.context.newPage();
    demo.page.setDefaultTimeout(30000);
    demo.page.on('pageerror', (error) => demo.problems.push(error.message));
    await demo.page.goto(address);
    return demo;
  }

  problems = [];

  async login({ name, password } = deployment.user) {
    await deployment.handshakes.pass();
    await this.page.fill('#user', name);
    await this.page.fill('#password', password);
    await this.page.click('#connect-button');
  }

  waitState(state) {
    return this.page.waitForSelector(`#state[data-state="${state}"]`);
  }

  async subscribe(filter, qos) {
    await this.page.fill('#filter', filter);
    await this.page.selectOption('#filter-qos', `${qos}`);
    await this.page.click('#subscribe button[type=submit]');
    await this.page.waitForSelector(`#filters li:has-text("QoS ${qos}")`);
  }

  async publish(topic, text, { qos = 1, retain = false } = {}) {
    await this.page.fill('#topic', topic);
    await this.page.fill('#payload', text);
    await this.page.selectOption('#topic-qos', `${qos}`);
    await this.page.setChecked('#retain', retain);
    await this.page.click('#publish button[type=submit]');
    await this.page.waitForSelector('#sent:not(:empty):not(:text("Sending"))');
  }

  async waitShown(text) {
    await this.page.waitForSelector(`#messages pre:text-is("${text}")`);
  }

  async picture(name) {
    if (!pictures) return;
    await mkdir(pictures, { recursive: true });
    await this.page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
  }

  // Nothing may stick out to the side.
  async assertFits() {
    const [content, window] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    assert.ok(content <= window, `the page is ${content} wide in a window of ${window}`);
  }

  problem() {
    return this.page.textContent('#problem:not([hidden])');
  }

  async close() {
    assert.deepEqual(this.problems, [], 'errors thrown in the page');
    await this.context.close();
  }
}

const page = `${site}/demo/`;

for (const [name, options] of [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['narrow', { colorScheme: 'light', viewport: { width: 360, height: 740 } }],
]) {
  test(`${name}: connects, subscribes, publishes and shows what arrives`, async () => {
    const demo = await Demo.open(page, options);
    assert.equal(await demo.page.inputValue('#url'), 'wss://example.com/mqtt');
    await demo.picture(`${name}-start`);
    await demo.login();
    await demo.waitState('connected');
    await demo.subscribe(`demo/${name}/#`, 2);
    await demo.publish(`demo/${name}/hello`, 'Hello from the browser', { qos: 0 });
    await demo.publish(`demo/${name}/grüße`, '{"temperature": 21.5, "unit": "°C"}', { qos: 1 });
    await demo.publish(`demo/${name}/long`, 'a word of a longer text '.repeat(20).trim(), {
      qos: 2,
    });
    await demo.waitShown('Hello from the browser');
    await waitFor('three messages', async () => (await demo.page.textContent('#count')) === '3');
    assert.equal(await demo.page.isHidden('#problem'), true);
    await demo.assertFits();
    await demo.picture(`${name}-connected`);

    await demo.page.click('#filters button');
    await demo.page.click('#disconnect-button');
    await demo.waitState('disconnected');
    await demo.close();
  });
}

test('a retained message is marked', async () => {
  const demo = await Demo.open(page);
  await demo.login();
  await demo.waitState('connected');
  await demo.publish('demo/kept', 'kept', { retain: true });
  await demo.subscribe('demo/kept', 1);
  await demo.waitShown('kept');
  assert.match(await demo.page.textContent('#messages li'), /QoS 1 · retained · 4 bytes/);
  await demo.publish('demo/kept', '', { retain: true });
  await demo.close();
});

test('a wrong password is explained', async () => {
  const demo = await Demo.open(page);
  await demo.login({ name: deployment.user.name, password: 'wrong' });
  await demo.waitState('failed');
  assert.match(await demo.problem(), /password is wrong|Wrong user name or password/);
  await demo.picture('wrong-password');
  await demo.close();
});

test('a refused handshake names the Origin among the causes', async () => {
  const demo = await Demo.open(`${strangeSite}/demo/`, { viewport: { width: 360, height: 740 } });
  await demo.login();
  await demo.waitState('failed');
  assert.match(
    await demo.problem(),
    /The Origin https:\/\/example\.net|the Origin https:\/\/example\.net/,
  );
  await demo.assertFits();
  await demo.picture('refused-origin');
  await demo.close();
});

test('an address that cannot work is told before anything is sent', async () => {
  const demo = await Demo.open(page);
  for (const [address, reason] of [
    ['mqtt://mqtt.example.com:1883', /over ws:\/\/ or wss:\/\/ only/],
    ['ws://mqtt.example.com/mqtt', /allows wss:\/\/ only/],
    ['nonsense', /looks like wss:/],
  ]) {
    await demo.page.fill('#url', address);
    await demo.page.click('#connect-button');
    await demo.waitState('failed');
    assert.match(await demo.problem(), reason);
  }
  await demo.close();
});

test('comes back with its subscriptions after a restart of the broker', async () => {
  const demo = await Demo.open(page);
  await demo.login();
  await demo.waitState('connected');
  await demo.subscribe('demo/restart', 1);
  await deployment.broker.restart(async () => {
    await demo.waitState('reconnecting');
    assert.match(await demo.problem(), /stopped or restarted/);
  });
  await demo.waitState('connected');
  await demo.page.waitForSelector('#filters li:has-text("QoS 1")');
  await demo.publish('demo/restart', 'back again');
  await demo.waitShown('back again');
  await demo.close();
});

test('from the disk it proposes the local broker, and works with it', async () => {
  const demo = await Demo.open(
    pathToFileURL(path.join(deployment.nginx.folder, 'site/demo/index.html')).href,
  );
  assert.equal(await demo.page.inputValue('#url'), 'ws://127.0.0.1:9001/mqtt');
  await demo.page.fill('#url', `ws://127.0.0.1:${deployment.broker.wsPort}/mqtt`);
  await demo.login();
  await demo.waitState('connected');
  await demo.subscribe('demo/#', 1);
  await demo.publish('demo/disk', 'from the disk');
  await demo.waitShown('from the disk');
  await demo.close();
});

test('without Paho it says what is missing', async () => {
  const folder = path.join(deployment.nginx.folder, 'bare');
  await mkdir(folder);
  for (const name of ['index.html', 'demo.css', 'demo.js']) {
    await copyFile(
      path.join(deployment.nginx.folder, 'site/demo', name),
      path.join(folder, name),
    );
  }
  const demo = await Demo.open(pathToFileURL(path.join(folder, 'index.html')).href);
  assert.match(await demo.problem(), /paho-mqtt-min\.js/);
  assert.equal(await demo.page.isDisabled('#connect-button'), true);
  await demo.close();
});

test('the broker serves it by http_dir', async () => {
  const broker = await Broker.start(({ tcpPort, wsPort }) => [
    'allow_anonymous true',
    `listener ${tcpPort} 127.0.0.1`,
    `listener ${wsPort} 127.0.0.1`,
    'protocol websockets',
    `http_dir ${path.join(deployment.nginx.folder, 'site/demo')}`,
  ]);
  try {
    const demo = await Demo.open(`http://127.0.0.1:${broker.wsPort}/`);
    await demo.page.fill('#url', `ws://127.0.0.1:${broker.wsPort}/mqtt`);
    await demo.page.click('#connect-button');
    await demo.waitState('connected');
    await demo.subscribe('demo/#', 1);
    await demo.publish('demo/http', 'from the broker');
    await demo.waitShown('from the broker');
    await demo.close();
  } finally {
    await broker.stop();
  }
});
