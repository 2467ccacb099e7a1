// Child processes that never outlive the test: each is ended by its process id, on failure too.

import { spawn } from 'node:child_process';
import { waitFor } from './wait.mjs';

const running = new Map(); // child -> the signal that ends it if the test cannot wait

process.on('exit', () => {
  for (const [child, signal] of running) child.kill(signal);
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => process.exit(1));
}

export class Process {
  /// `lastSignal` ends the process if this one has to go at once; a program with children of its
  /// own needs one that it can act on.
  constructor(program, args, { lastSignal = 'SIGKILL' } = {}) {
    this.name = program;
    this.output = '';
    this.exit = null; // { code, signal } once it ended
    this.child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.set(this.child, lastSignal);
    const collect = (bytes) => {
      this.output += bytes;
    };
    this.child.stdout.on('data', collect);
    this.child.stderr.on('data', collect);
    this.child.on('error', (error) => this.#ended({ code: null, signal: error.message }));
    this.child.on('exit', (code, signal) => this.#ended({ code, signal }));
  }

  #ended(how) {
    running.delete(this.child);
    this.exit ??= how;
  }

  /// Waits until `probe` is true; fails at once if the process ends before.
  async ready(what, probe, seconds = 15) {
    await waitFor(
      what,
      async () => {
        if (this.exit)
          throw new Error(`${this.name} ended: ${JSON.stringify(this.exit)}\n${this.output}`);
        return probe();
      },
      seconds,
    );
  }

  /// Sends `signal` and waits for the end. Returns { code, signal }.
  /// Errors  Kills and throws if the process is still there after `seconds`.
  async stop(signal = 'SIGTERM', seconds = 12) {
    if (!this.exit) this.child.kill(signal);
    try {
      await waitFor(`${this.name} to end after ${signal}`, () => this.exit, seconds);
    } catch (error) {
      this.child.kill('SIGKILL');
      throw error;
    }
    return this.exit;
  }

  tail(lines = 25) {
    return this.output.trimEnd().split('\n').slice(-lines).join('\n');
  }
}

/// Stops each of `parts` that is there, in this order, and then throws the first error, if any.
export async function stopAll(...parts) {
  const errors = [];
  for (const part of parts) {
    try {
      await part?.stop();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
