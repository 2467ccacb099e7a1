// Waiting for conditions: every wait has a deadline, and none sleeps for a fixed time.

import net from 'node:net';

const POLL_MILLISECONDS = 10;

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/// Waits until `probe` returns something true, and returns that.
/// Errors  Throws when `seconds` have passed, with `what` in the message.
export async function waitFor(what, probe, seconds = 15) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) {
      const name = typeof what === 'function' ? what() : what;
      throw new Error(`waited ${seconds} s in vain for ${name}`);
    }
    await pause(POLL_MILLISECONDS);
  }
}

/// The promise's own outcome, or an error that names `what` after `seconds`.
export async function within(what, promise, seconds = 15) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(
      () => fail(new Error(`${what} took longer than ${seconds} s`)),
      seconds * 1000,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/// `count` different TCP ports of the loopback address that nobody uses at this moment.
export async function freePorts(count) {
  const servers = [];
  for (let i = 0; i < count; i += 1) {
    const server = net.createServer();
    await new Promise((done, fail) => {
      server.once('error', fail);
      server.listen(0, '127.0.0.1', done);
    });
    servers.push(server);
  }
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/// True if something accepts TCP connections on this port of the loopback address.
export function accepts(port) {
  return new Promise((done) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
