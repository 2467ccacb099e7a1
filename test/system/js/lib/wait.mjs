// Waiting for conditions: every wait has a deadline, and none sleeps for a fixed time.

import { randomInt } from 'node:crypto';
import net from 'node:net';

const POLL_MILLISECONDS = 10;
// Below the ports of the Python tests.
const FIRST_PORT = 5000;
const END_PORT = 10000;

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

/// Listens on the port; null if somebody else does.
function listenOn(port) {
  return new Promise((done) => {
    const server = net.createServer();
    server.once('error', () => done(null));
    server.listen(port, '127.0.0.1', () => done(server));
  });
}

/// `count` different TCP ports of the loopback address that nobody uses at this moment. None is of
/// those that the kernel gives to connections: while a broker restarts, one might take its port.
export async function freePorts(count) {
  const servers = [];
  while (servers.length < count) {
    const server = await listenOn(randomInt(FIRST_PORT, END_PORT));
    if (server) servers.push(server);
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
