// "Mosquitto behind nginx" in a temporary folder: broker, nginx with TLS, a web site, Chromium.

import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { checkout, isMosquitto } from '../js/lib/binary.mjs';
import { Broker, user } from '../js/lib/broker.mjs';
import { makeCertificates } from '../js/lib/certificates.mjs';
import { Process, stopAll } from '../js/lib/processes.mjs';
import { accepts, freePorts, pause, waitFor } from '../js/lib/wait.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const paho = path.dirname(createRequire(import.meta.url).resolve('paho-mqtt'));

export const site = 'https://example.com';
export const strangeSite = 'https://example.net'; // served as well, but not an allowed Origin
export const brokerHost = 'mqtt.example.com';
const hosts = [brokerHost, 'example.com', 'example.net'];

// The configuration that people copy, as it stands; only paths and ports differ. Mosquitto takes
// its first lines for a hidden listener, so there they are repeated where their author meant them.
function configuration({ tcpPort, wsPort, folder, passwordFile }) {
  const security = ['allow_anonymous false', `password_file ${passwordFile}`];
  const repeated = isMosquitto ? security : [];
  return [
    'per_listener_settings true',
    ...(isMosquitto ? [] : security),
    'persistence true',
    `persistence_location ${folder}/`,
    `listener ${tcpPort} 127.0.0.1`,
    ...repeated,
    `listener ${wsPort} 127.0.0.1`,
    'protocol websockets',
    ...repeated,
    'max_keepalive 600',
    'message_size_limit 1048576',
    'log_type error',
    'log_type warning',
    'log_type notice',
    'log_timestamp true',
  ];
}

// Without nginx: the broker ends TLS, and serves the page as well.
function directConfiguration(at) {
  const { chainFile, keyFile } = at.certificates(hosts);
  return [
    'allow_anonymous false',
    `password_file ${at.passwordFile}`,
    `listener ${at.wssPort} 127.0.0.1`,
    'protocol websockets',
    'http_path /mqtt',
    `http_dir ${path.join(at.folder, 'site')}`,
    `websockets_origin ${site}`,
    `certfile ${chainFile}`,
    `keyfile ${keyFile}`,
  ];
}

async function makeSite(root) {
  await mkdir(path.join(root, 'demo'), { recursive: true });
  await copyFile(path.join(here, 'page.html'), path.join(root, 'index.html'));
  for (const name of ['index.html', 'demo.css', 'demo.js']) {
    await copyFile(path.join(checkout, 'conf/demo', name), path.join(root, 'demo', name));
  }
  await copyFile(path.join(paho, 'paho-mqtt.js'), path.join(root, 'paho-mqtt.js'));
  await copyFile(path.join(paho, 'paho-mqtt-min.js'), path.join(root, 'demo/paho-mqtt-min.js'));
}

/// How Chromium is started: it finds 127.0.0.1, and what `rules` map to it.
export function launchOptions(rules = [], more = []) {
  return {
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
    headless: true,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=${[...rules, 'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1'].join(', ')}`,
      ...more,
    ],
  };
}

class Nginx {
  static async start(broker) {
    const nginx = new Nginx();
    const folder = await mkdtemp(path.join(tmpdir(), 'darter-nginx-'));
    nginx.folder = folder;
    await chmod(folder, 0o755);
    await mkdir(path.join(folder, 'tmp'));
    await makeSite(path.join(folder, 'site'));
    Object.assign(nginx, makeCertificates(folder, hosts));
    [nginx.port] = await freePorts(1);
    await nginx.#configure(broker);
    nginx.process = new Process(
      'nginx',
      ['-p', folder, '-e', `${folder}/error.log`, '-c', `${folder}/nginx.conf`],
      { lastSignal: 'SIGTERM' },
    );
    await nginx.process.ready('nginx to listen', () => accepts(nginx.port));
    return nginx;
  }

  async #configure(broker) {
    const template = await readFile(path.join(here, 'nginx.conf.template'), 'utf8');
    const { uid, username } = userInfo();
    const values = {
      FOLDER: this.folder,
      WS_PORT: broker.wsPort,
      TLS_PORT: this.port,
      USER: uid === 0 ? `user ${username};` : '', // Others cannot choose, and nginx warns.
    };
    await writeFile(
      path.join(this.folder, 'nginx.conf'),
      template.replaceAll(/@([A-Z_]+)@/g, (_, name) => values[name]),
    );
  }

  async stop() {
    await this.process?.stop('SIGTERM');
    await rm(this.folder, { recursive: true, force: true });
  }

  /// Status codes of the requests for /mqtt so far.
  async statuses() {
    const log = await readFile(path.join(this.folder, 'access.log'), 'utf8');
    return [...log.matchAll(/"GET \/mqtt[^"]*" (\d+)/g)].map(([, status]) => Number(status));
  }
}

// nginx lets 10 handshakes through at once and 5 more each second. Tests that are not about that
// take their turn here, a little slower than the limit.
class Turnstile {
  #free = 9;
  #last = Date.now();

  async pass() {
    for (;;) {
      const now = Date.now();
      this.#free = Math.min(9, this.#free + ((now - this.#last) / 1000) * 4.5);
      this.#last = now;
      if (this.#free >= 1) break;
      await pause(50);
    }
    this.#free -= 1;
  }

  drain() {
    this.#free = -1;
    this.#last = Date.now();
  }
}

export class Deployment {
  handshakes = new Turnstile();
  user = user;

  /// Browser, nginx, broker.
  static start() {
    return Deployment.#begin(async (deployment) => {
      deployment.broker = await Broker.start(configuration);
      deployment.nginx = await Nginx.start(deployment.broker);
      await deployment.#startBrowser(deployment.nginx);
    });
  }

  /// Browser, broker.
  static startDirect() {
    return Deployment.#begin(async (deployment) => {
      deployment.handshakes = { pass: async () => {} };
      const broker = await Broker.start(directConfiguration, (at) =>
        makeSite(path.join(at.folder, 'site')),
      );
      deployment.broker = broker;
      const { keyHash } = broker.certificates();
      await deployment.#startBrowser({ port: broker.wssPort, keyHash });
    });
  }

  static async #begin(fill) {
    const deployment = new Deployment();
    try {
      await fill(deployment);
    } catch (error) {
      await deployment.stop().catch(() => {});
      throw error;
    }
    return deployment;
  }

  // Names and port 443 lead to who ends TLS, so pages and Origins are those of a real site. The
  // browser checks certificates; it only takes our CA's key for a trusted one.
  async #startBrowser({ port, keyHash }) {
    const rules = hosts.map((name) => `MAP ${name}:443 127.0.0.1:${port}`);
    this.browser = await chromium.launch(
      launchOptions(rules, [`--ignore-certificate-errors-spki-list=${keyHash}`]),
    );
  }

  async stop() {
    const browser = this.browser && { stop: () => this.browser.close() };
    await stopAll(browser, this.nginx, this.broker);
  }
}

/// A tab with the test page. Its methods are those of page.html.
export class Tab {
  static async open(deployment, origin = site) {
    const tab = new Tab();
    tab.deployment = deployment;
    tab.context = await deployment.browser.newContext();
    tab.page = await tab.context.newPage();
    tab.page.on('pageerror', (error) => tab.problems.push(error.message));
    await tab.page.goto(`${origin}/`);
    return tab;
  }

  problems = [];

  /// Connects as deployments do. Returns { ok, code, message }.
  async connect(options = {}) {
    await this.deployment.handshakes.pass();
    const { name, password } = this.deployment.user;
    return this.page.evaluate((all) => window.tab.connect(all), {
      host: brokerHost,
      userName: name,
      password,
      ...options,
    });
  }

  call(method, ...args) {
    return this.page.evaluate(([name, values]) => window.tab[name](...values), [method, args]);
  }

  /// Waits until `count` messages came, and returns { topic, text, hash, bytes, qos, retained }.
  async waitMessages(count, seconds = 60) {
    let messages = [];
    await waitFor(
      () => `${count} messages, ${messages.length} came`,
      async () => {
        messages = await this.call('messages');
        return messages.length >= count;
      },
      seconds,
    );
    return messages;
  }

  async waitState(what, probe, seconds = 30) {
    await waitFor(what, async () => probe(await this.call('state')), seconds);
    return this.call('state');
  }

  async close() {
    await this.context.close();
  }
}
