// The status page of an http_listener as a person uses it.

import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Broker } from '../js/lib/broker.mjs';
import { stopAll } from '../js/lib/processes.mjs';
import { waitFor } from '../js/lib/wait.mjs';
import { launchOptions } from './deployment.mjs';

// DARTER_SCREENSHOTS names a folder for pictures of the page; without it they are not kept.
const pictures = process.env.DARTER_SCREENSHOTS;
const CLIENTS = 120; // more than a page of the list shows
const SESSIONS = 100000; // of clients that are away
const PHONE = { width: 390, height: 844 };

let broker;
let browser;
let address;
const sockets = new Set();

function configuration({ tcpPort, wsPort, wssPort, folder, passwordFile }) {
  return [
    'allow_anonymous true',
    `password_file ${passwordFile}`,
    'max_login_failures 1',
    'limits_exempt 127.0.0.1',
    'persistence true',
    `persistence_location ${folder}/`,
    `admin_file ${folder}/admins`,
    `listener ${tcpPort} 127.0.0.1`,
    `listener ${wssPort} 127.0.0.1`,
    'protocol websockets',
    `http_listener ${wsPort} 127.0.0.1`,
    'sys_interval 0', // figures are looked at when they are asked for
  ];
}

/// alice may change things, iot_admin may look.
async function writeAdmins({ folder, passwordFile }) {
  const lines = await readFile(passwordFile, 'utf8');
  const file = path.join(folder, 'admins');
  await writeFile(file, lines.replace(/^(alice:.*)$/m, '$1:admin'));
  await chmod(file, 0o600);
}

const text = (value) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

const packet = (head, ...parts) => {
  const body = Buffer.concat(parts);
  assert(body.length < 128);
  return Buffer.concat([Buffer.from([head, body.length]), body]);
};

/// A client of MQTT 3.1.1 with a session; sends `packets` and waits for as many answers.
async function connect(id, ...packets) {
  const socket = net.connect(broker.tcpPort, '127.0.0.1');
  sockets.add(socket);
  let answers = 0;
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  socket.on('data', (bytes) => {
    for (let at = 0; at < bytes.length; at += 2 + bytes[at + 1]) answers += 1;
  });
  socket.write(
    Buffer.concat([
      packet(0x10, text('MQTT'), Buffer.from([4, 0, 0, 60]), text(id)),
      ...packets,
    ]),
  );
  await waitFor(`answers to ${id}`, () => answers >= 1 + packets.length);
  return socket;
}

/// Leaves a file of Mosquitto with SESSIONS sessions, which the broker takes over when it starts:
/// that is quicker than as many connections. persistence/mosquitto_db.md draws the chunks.
async function writeSessions({ folder }) {
  const chunk = (kind, body) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(kind, 0);
    head.writeUInt32BE(body.length, 4);
    return Buffer.concat([head, body]);
  };
  const chunks = [Buffer.from('\0\xb5\0mosquitto db\0\0\0\0\0\0\0\x06', 'latin1'),
    chunk(1, Buffer.from([...new Array(8).fill(0), 1, 8, ...new Array(6).fill(0)]))];
  for (let i = 0; i < SESSIONS; i += 1) {
    const id = Buffer.from(`away/${i}`);
    const head = Buffer.alloc(24);
    head.writeUInt32BE(0xffffffff, 8); // the session never ends
    head.writeUInt16BE(id.length, 14);
    chunks.push(chunk(6, Buffer.concat([head, id])));
  }
  await writeFile(path.join(folder, 'mosquitto.db'), Buffer.concat(chunks));
}

const subscribe = (filter) => packet(0x82, Buffer.from([0, 1]), text(filter), Buffer.from([1]));
const publish = (topic, payload, retain = 0) =>
  packet(0x32 | retain, text(topic), Buffer.from([0, 1]), Buffer.from(payload));

before(async () => {
  broker = await Broker.start(configuration, async (made) => {
    await writeAdmins(made);
    await writeSessions(made);
  });
  address = `http://127.0.0.1:${broker.wsPort}`;
  await waitFor('the page', async () => (await fetch(address).catch(() => null))?.ok);
  browser = await chromium.launch(launchOptions());
  for (let i = 0; i < CLIENTS; i += 1) await connect(`sensor/${i}`, subscribe(`t/${i}/#`));
  await connect('slow', subscribe('slow/#')).then((socket) => socket.destroy());
  const publisher = await connect('publisher');
  const sends = Array.from({ length: 30 }, (_, i) => publish('slow/x', `reading number ${i}`));
  publisher.write(Buffer.concat(sends));
  await connect('keeper', publish('house/kitchen/temperature', '{"celsius": 21.5}', 1),
    publish('house/hall/light', 'on', 1), publish('house/<b>bold</b>', '<script>alert(1)</script>',
      1));
});

after(async () => {
  for (const socket of sockets) socket.destroy();
  await stopAll(browser && { stop: () => browser.close() }, broker);
});

class StatusPage {
  static async open(options = {}) {
    const status = new StatusPage();
    status.context = await browser.newContext({
      viewport: { width: 1280, height: 860 },
      ...options,
    });
    status.page = await status.context.newPage();
    status.page.setDefaultTimeout(30000);
    status.page.on('pageerror', (error) => status.problems.push(error.message));
    // The browser says so of anything that the Content-Security-Policy forbids.
    status.page.on('console', (message) => {
      if (/Content.Security.Policy/i.test(message.text())) status.problems.push(message.text());
    });
    await status.page.goto(address);
    return status;
  }

  problems = [];

  async login(name = 'alice', password = 'correct horse') {
    await this.page.fill('#name', name);
    await this.page.fill('#password', password);
    await this.page.click('#login button');
  }

  async visit(part) {
    await this.page.click(`nav a[data-view="${part}"]`);
    await this.page.waitForSelector(`nav a[data-view="${part}"][aria-current]`);
  }

  async search(words) {
    await this.page.fill('#search', words);
  }

  /// Waits until the list has exactly these clients.
  async waitClients(...wanted) {
    await waitFor(`the clients ${wanted}`, async () => {
      const shown = await this.page.$$eval('td.name', (cells) => cells.map((c) => c.textContent));
      return shown.join() === wanted.join();
    }, 30);
  }

  async answerQuestion(yes) {
    await this.page.waitForSelector('#question[open]');
    await this.page.click(`#question button[value="${yes ? 'yes' : 'no'}"]`);
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
    assert(content <= window, `${content} pixels of content in ${window}`);
  }

  async close() {
    await this.context.close();
    assert.deepEqual(this.problems, []);
  }
}

test('a wrong password is refused, the right one shows the plots of the last hour', async () => {
  const status = await StatusPage.open();
  await status.login('alice', 'wrong');
  await status.page.waitForSelector('#login-error:has-text("wrong")');
  await status.picture('status-login');
  await status.login();
  await status.page.waitForSelector('.plot:has-text("Messages")');
  assert.deepEqual(await status.page.evaluate(async () => {
    const { bytes, number, time } = await import('/parts.js');
    return [
      ...[0.00001, 0.2, 99.7, 252.4, 9999, 999999, 123456789].map(number),
      ...[1023, 99.7 * 1024, 3 * 1024 ** 5].map(bytes),
      ...[99, 524288, 999700, 2.1e6].map(time),
    ];
  }), ['0', '0.20', '100', '252', '9999', '1000 k', '123 M', '1023 B', '100 KiB', '3072 TiB',
    '99 µs', '524 ms', '1000 ms', '2.1 s']);
  await status.page.waitForSelector('.card:has-text("Slow consumers") td.name:has-text("slow")');
  // Two samples make a line.
  await waitFor('a line in each plot', () => status.page.$$eval('.plot', (all) =>
    all.length === 8 && all.every((each) =>
      [...each.querySelectorAll('polyline')].every((line) => line.points.numberOfItems >= 2))), 60);
  assert.match(await status.page.textContent('.facts'), /clients 12\d/);
  await status.assertFits();
  await status.picture('status-light');
  await status.page.click('#back-up');
  await status.page.waitForSelector('.note:has-text("backed up to darter.db.backup-")');
  const backups = '.card:has-text("Backups")';
  await status.page.waitForSelector(`${backups} td.name:has-text("darter.db.backup-")`);
  await waitFor('the line', () => /'alice' .* backed up the store to/.test(broker.log()));
  await status.assertFits();
  await status.page.reload();
  await status.page.waitForSelector('.plot');
  await status.page.click('#logout');
  await status.page.waitForSelector('#login:visible');
  await status.page.reload();
  await status.page.waitForSelector('#login:visible');
  await status.close();
});

test('a client is found among 100,000 others, disconnected and forgotten', async () => {
  const status = await StatusPage.open();
  await status.login();
  await status.page.waitForSelector('.plot');
  await status.visit('clients');
  await status.page.waitForSelector('.pages:has-text("Page 1")');
  await status.page.click('.pages button:has-text("Next")');
  await status.page.waitForSelector('.pages:has-text("Page 2")');
  await status.picture('status-clients');
  await status.search('sensor/77');
  await status.waitClients('sensor/77');
  await status.page.click('td.name a');
  await status.page.waitForSelector('h1:text-is("sensor/77")');
  await status.page.waitForSelector('td.name:text-is("t/77/#")');
  await status.picture('status-client');
  await status.page.click('#disconnect');
  await status.answerQuestion(false);
  await status.page.click('#disconnect');
  await status.answerQuestion(true);
  await status.page.waitForSelector('.note:has-text("disconnected")');
  await status.page.waitForSelector('#disconnect', { state: 'detached' });
  await status.page.waitForSelector('dd:has-text("away")');
  await status.page.click('#forget');
  await status.answerQuestion(true);
  await status.page.waitForSelector('h1:text-is("Clients")');
  await status.waitClients(); // the search is kept, and nothing fits
  assert.match(broker.log(), /'alice' \(127\.0\.0\.1\) forgot the session of client 'sensor\/77'/);
  await status.close();
});

test('a search among 100,000 clients stops neither the broker nor the page', async () => {
  const headers = { Authorization: `Basic ${btoa('alice:correct horse')}` };
  const get = async (where) => (await fetch(`${address}${where}`, { headers })).text();
  const search = async (what) => JSON.parse(await get(`/api/v1/clients?${what}`)).clients.length;
  const longestTurn = async () => // since the last look
    Number((await get('/metrics')).match(/^darter_loop_turn_longest_seconds (.*)$/m)[1]);
  assert.equal(await search(`id=away/${SESSIONS - 1}`), 1);
  // In one turn of one loop such a search takes 10 ms. A busy machine holds a loop now and then,
  // and the history of the page takes a look, too: that hides one search at most.
  await waitFor('three searches without a turn above 4 ms', async () => {
    await longestTurn();
    for (let i = 0; i < 3; i += 1) {
      assert.equal(await search('id=*away*&user=*&address=*&listener=*&version=3*&connected=yes'),
        0);
      if ((await longestTurn()) > 0.004) return false;
    }
    return true;
  }, 60);
  const status = await StatusPage.open();
  await status.login();
  await status.page.waitForSelector('.plot');
  await status.visit('clients');
  await status.page.waitForSelector('.pages:has-text("Page 1")');
  await status.page.evaluate(() => {
    window.longTasks = [];
    const keep = (list) => window.longTasks.push(...list.getEntries());
    new PerformanceObserver(keep).observe({ type: 'longtask' }); // of 50 ms and more
  });
  let attempt = 0;
  await waitFor('a search without a long task', async () => {
    attempt += 1;
    await status.page.evaluate(() => { window.longTasks = []; });
    await status.search(`away/${10000 + attempt}`);
    await status.waitClients(`away/${10000 + attempt}`);
    return (await status.page.evaluate(() => window.longTasks.length)) === 0;
  }, 60);
  await status.close();
});

test('a client is traced from its page, and the trace stops', async () => {
  const status = await StatusPage.open();
  await status.login();
  await status.page.waitForSelector('.plot');
  await status.visit('clients');
  await status.search('sensor/78');
  await status.waitClients('sensor/78');
  await status.page.click('td.name a');
  await status.page.click('#trace');
  await status.page.waitForSelector('h1:text-is("Trace of sensor/78")');
  await status.page.check('#trace-payload');
  await status.page.click('#trace-start');
  await status.page.waitForSelector('#trace-state:has-text("Running")');
  await connect('sensor/78', publish('traced', '<b>bold</b>'));
  await status.page.waitForSelector('#trace-lines li.in:has-text("PUBLISH \'traced\', QoS 1, id 1, '
    + '11 bytes of payload: \'<b>bold</b>\'")');
  await status.page.waitForSelector('#trace-lines li.decision:has-text("taken over")');
  await status.picture('status-trace');
  await status.page.click('#trace-stop');
  await status.page.waitForSelector('#trace-state:has-text("Stopped")');
  await status.page.waitForSelector('#trace-start:enabled');
  await status.close();
});

test('the busiest topics and publishers are shown, and their text is only text', async () => {
  const status = await StatusPage.open();
  const publisher = await connect('busy<i>');
  await status.login();
  // Until they stand out: a shard that has just begun sees one message in some hundred.
  await waitFor('the busy topic', async () => {
    publisher.write(Buffer.concat(Array.from({ length: 50 }, () => publish('busy/<b>', 'x'))));
    return status.page.$('.card:has-text("Topics by messages") td.name:text-is("busy/<b>")');
  }, 60);
  const cards = '.card:has-text("Publishers by';
  await status.page.waitForSelector(`${cards} messages") td.name a:text-is("busy<i>")`);
  await status.page.waitForSelector(`${cards} bytes") td.name a:text-is("busy<i>")`);
  await status.assertFits();
  await status.picture('status-top');
  await status.visit('clients');
  await waitFor('the busiest client to be the first', async () => {
    publisher.write(Buffer.concat(Array.from({ length: 50 }, () => publish('busy/<b>', 'x'))));
    for (const order of ['id', 'rate']) {
      const answered = status.page.waitForResponse(new RegExp(`/clients\\?sort=${order}&`));
      await status.page.selectOption('#search-sort', order);
      await answered;
    }
    return (await status.page.textContent('td.name')) === 'busy<i>';
  }, 60);
  await status.assertFits();
  await status.picture('status-rates');
  await status.close();
});

test('the console subscribes, publishes, and tells refusals', async () => {
  const status = await StatusPage.open();
  const { page } = status;
  const waitState = (words) => page.waitForSelector(`#console-state:has-text("${words}")`);
  await status.login('iot_admin', 'battery staple');
  await page.waitForSelector('.plot');
  await status.visit('console');
  assert.equal(await page.inputValue('#console-url'), `ws://127.0.0.1:${broker.wssPort}/mqtt`);
  await page.fill('#console-user', 'iot_admin');
  await page.fill('#console-password', 'wrong');
  await page.click('#console-connect');
  await waitState('wrong user name or password');
  assert.equal(await page.inputValue('#console-password'), '');
  await page.fill('#console-password', 'battery staple');
  await page.click('#console-connect');
  await waitState('Connected to');
  await page.fill('#console-filter', 'a/#/b');
  await page.click('#console-subscribe');
  await waitState('malformed packet');
  await page.waitForSelector('#console-connect:enabled');
  await page.fill('#console-password', 'battery staple');
  await page.click('#console-connect');
  await waitState('Connected to');
  await page.fill('#console-filter', 'console/#');
  await page.selectOption('#console-filter-qos', '1');
  await page.click('#console-subscribe');
  await waitState('Subscribed to console/# with QoS 1');
  await page.fill('#console-topic', 'console/a');
  await page.fill('#console-payload', '<script>alert("1")</script> ü');
  await page.selectOption('#console-topic-qos', '1');
  await page.check('#console-retain');
  await page.click('#console-publish');
  await waitState('Published to console/a');
  await page.waitForSelector('#console-messages li:has-text("console/a"):has-text("QoS 1")'
    + ':has(pre:text-is("<script>alert(\\"1\\")</script> ü"))');
  await connect('from outside', publish('console/large', 'x'.repeat(100)));
  await page.waitForSelector('#console-messages li:has-text("console/large")');
  await status.assertFits();
  await status.picture('status-console');
  await status.visit('retained');
  await page.waitForSelector('td.name:text-is("console/a")');
  const left = /Client console-\w+ .*disconnected/;
  await waitFor('the console to leave', () => left.test(broker.log()));
  await status.close();
});

test('a page that came over TLS proposes listeners with TLS only', async () => {
  const status = await StatusPage.open();
  const proposed = await status.page.evaluate(async () => {
    const { addressesOf } = await import('/console.js');
    const listener = { protocol: 'websockets', open: true, port: 1, tls: false, path: '' };
    const all = [listener, { ...listener, port: 2, tls: true, path: '/way' },
      { ...listener, port: 3, open: false }, { ...listener, port: 0 },
      { ...listener, port: 4, protocol: 'mqtt' }];
    return ['http:', 'https:'].map((protocol) => addressesOf(all, { protocol, hostname: 'a.b' }));
  });
  assert.deepEqual(proposed, [['ws://a.b:1/mqtt', 'wss://a.b:2/way'], ['wss://a.b:2/way']]);
  await status.close();
});

test('retained messages are found and deleted, and their text is only text', async () => {
  const status = await StatusPage.open({ colorScheme: 'dark' });
  await status.login();
  await status.page.waitForSelector('.plot');
  await status.picture('status-dark');
  await status.visit('retained');
  await status.page.waitForSelector('td.payload:text-is("<script>alert(1)</script>")');
  await status.page.fill('#filter', 'house/+/light');
  await status.waitClients('house/hall/light');
  await status.page.fill('#filter', 'house/#');
  await status.page.waitForSelector('td.name:text-is("house/<b>bold</b>")');
  await status.picture('status-retained-dark');
  await status.page.click('tr:has-text("house/hall/light") button');
  await status.answerQuestion(true);
  await status.page.waitForSelector('td.name:text-is("house/hall/light")', { state: 'detached' });
  await status.page.fill('#filter', 'a/#/b');
  await status.page.waitForSelector('#trouble:has-text("no topic filter")');
  await status.close();
});

test('a ban is listed and lifted', async () => {
  const intruder = net.connect({ port: broker.tcpPort, host: '127.0.0.1',
    localAddress: '127.0.0.2' });
  intruder.on('error', () => {});
  intruder.end(packet(0x10, text('MQTT'), Buffer.from([4, 0xc2, 0, 60]), text('intruder'),
    text('eve'), text('guess')));
  await waitFor('the ban', () => /127\.0\.0\.2 is banned/.test(broker.log()));
  const status = await StatusPage.open({ viewport: PHONE });
  await status.login();
  await status.visit('bans');
  await status.page.waitForSelector('td.name:text-is("127.0.0.2")');
  await status.assertFits();
  await status.picture('status-phone-bans');
  await status.page.click('tr:has-text("127.0.0.2") button');
  await status.answerQuestion(true);
  await status.page.waitForSelector('text=No address is banned.');
  await status.close();
});

test('a reader sees the same on a phone, and has no button that changes anything', async () => {
  const status = await StatusPage.open({ viewport: PHONE, colorScheme: 'dark' });
  await status.picture('status-phone-login');
  await status.login('iot_admin', 'battery staple');
  await status.page.waitForSelector('#user:has-text("read-only")');
  await status.page.waitForSelector('.plot');
  await status.page.waitForSelector('.card:has-text("Backups") code:has-text("--restore")');
  assert.equal(await status.page.$('#back-up'), null);
  await status.assertFits();
  await status.picture('status-phone');
  await status.visit('clients');
  await status.search('sensor/5');
  await status.page.waitForSelector('td.name:has-text("sensor/55")');
  await status.assertFits();
  await status.picture('status-phone-clients');
  await status.page.click('td.name a:text-is("sensor/55")');
  await status.page.waitForSelector('h1:text-is("sensor/55")');
  await status.assertFits();
  assert.equal(await status.page.$('button.danger:visible'), null);
  await status.picture('status-phone-client');
  await status.visit('console');
  await status.page.waitForSelector('#console-url');
  await status.assertFits();
  await status.picture('status-phone-console');
  await status.visit('retained');
  await status.page.waitForSelector('td.payload');
  assert.equal(await status.page.$('button.danger:visible'), null);
  await status.assertFits();
  await status.close();
});

test('the page says that the broker is away, and asks for a login when it is back', async () => {
  const status = await StatusPage.open();
  await status.login();
  await status.page.waitForSelector('.plot');
  await broker.restart(async () => {
    await status.page.waitForSelector('#trouble:has-text("does not answer")');
    await status.picture('status-away');
  });
  await status.page.waitForSelector('#login-error:has-text("session has ended")');
  await status.login();
  await status.page.waitForSelector('.plot');
  await status.page.waitForSelector('#trouble', { state: 'hidden' });
  await status.close();
});

test('users that a reload takes away are logged out', async () => {
  const status = await StatusPage.open();
  await status.login();
  await status.page.waitForSelector('.plot');
  await writeFile(path.join(broker.folder, 'admins'), '');
  broker.process.child.kill('SIGHUP');
  await status.page.waitForSelector('#login-error:has-text("session has ended")');
  await status.close();
});
