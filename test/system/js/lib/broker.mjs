// The broker under test: the real binary, a folder of its own, free ports.
//
// DARTER_THREADS becomes `threads N` in the configuration.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { binary, isMosquitto } from './binary.mjs';
import { makeCertificates } from './certificates.mjs';
import { Process } from './processes.mjs';
import { accepts, freePorts } from './wait.mjs';

const users = { alice: 'correct horse', iot_admin: 'battery staple' };
export const user = { name: 'iot_admin', password: users.iot_admin };

function passwordTool() {
  if (isMosquitto) return 'mosquitto_passwd';
  const beside = path.join(path.dirname(binary), 'darter-passwd');
  return existsSync(beside) ? beside : 'mosquitto_passwd';
}

function threadLines() {
  const threads = process.env.DARTER_THREADS;
  return threads && !isMosquitto ? [`threads ${threads}`] : [];
}

export class Broker {
  #certificates = null;
  #ports = [];

  /// Starts a broker and waits until every port that its configuration names answers.
  ///
  /// `configure(broker)` returns the lines of mosquitto.conf; it may use { tcpPort, wsPort,
  /// tlsPort, wssPort, folder, passwordFile } and certificates(). `prepare(broker)` puts more into
  /// its folder.
  static async start(configure, prepare = async () => {}) {
    const broker = new Broker();
    broker.folder = await mkdtemp(path.join(tmpdir(), 'darter-js-'));
    await chmod(broker.folder, 0o755); // The broker may give up root and still has to read here.
    [broker.tcpPort, broker.wsPort, broker.tlsPort, broker.wssPort] = await freePorts(4);
    broker.passwordFile = path.join(broker.folder, 'passwd');
    broker.#writePasswords();
    await prepare(broker);
    broker.file = path.join(broker.folder, 'mosquitto.conf');
    const lines = [...threadLines(), ...configure(broker), `user ${userInfo().username}`];
    const named = lines.map((line) => line.match(/^listener (\d+)/)).filter(Boolean);
    broker.#ports = named.map(([, port]) => Number(port));
    await writeFile(broker.file, `${lines.join('\n')}\n`);
    await broker.#spawn();
    return broker;
  }

  #writePasswords() {
    let create = ['-c'];
    for (const [name, password] of Object.entries(users)) {
      execFileSync(passwordTool(), [...create, '-b', this.passwordFile, name, password], {
        stdio: 'pipe',
      });
      create = [];
    }
    chmodSync(this.passwordFile, 0o600); // Debian's tool lets everybody read, and darter refuses.
  }

  async #spawn() {
    this.process = new Process(binary, ['-c', this.file]);
    await this.process.ready(`${binary} to listen`, async () =>
      (await Promise.all(this.#ports.map((port) => accepts(port)))).every(Boolean),
    );
  }

  /// Ends the broker as an operator does, and starts it again on the same ports and files.
  async restart(whileDown = async () => {}) {
    await this.process.stop();
    await whileDown();
    await this.#spawn();
  }

  /// Ends the broker. Errors  Throws unless it ended with status 0 after SIGTERM.
  async stop() {
    const { code, signal } = await this.process.stop();
    await rm(this.folder, { recursive: true, force: true });
    if (code !== 0) {
      throw new Error(`the broker ended with ${code ?? signal}, not 0\n${this.process.tail()}`);
    }
  }

  /// A certificate for `names`, made when it is asked for first.
  certificates(names = ['localhost']) {
    this.#certificates ??= makeCertificates(this.folder, names);
    return this.#certificates;
  }

  /// By its address: without /etc/hosts, as in a bare root, `localhost` may be ::1 alone.
  url(transport) {
    return {
      tcp: `mqtt://127.0.0.1:${this.tcpPort}`,
      ws: `ws://127.0.0.1:${this.wsPort}`,
      tls: `mqtts://127.0.0.1:${this.tlsPort}`,
      wss: `wss://127.0.0.1:${this.wssPort}`,
    }[transport];
  }

  log() {
    return this.process.output;
  }

  tail() {
    return this.process.tail();
  }
}
