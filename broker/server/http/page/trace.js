// A trace of one client, live: its packets, and the decisions of the broker about it.

import { api, h } from './parts.js';

const PAUSE_MILLISECONDS = 500;
const LINES_MAX = 2000; // the oldest go

const marks = { in: '→', out: '←', decision: '·', connection: '·' };

function timeText(microseconds) {
  const date = new Date(microseconds / 1000);
  const part = (value) => String(value).padStart(2, '0');
  return `${part(date.getHours())}:${part(date.getMinutes())}:${part(date.getSeconds())}.`
    + String(microseconds % 1e6).padStart(6, '0');
}

const lineOf = (record) => h('li', { class: record.kind },
  h('time', {}, timeText(record.time_microseconds)), ` ${marks[record.kind]} `, record.text);

/// Asks for records until the view is gone, the trace is stopped, or an answer is an error.
class Follower {
  constructor(id, list, state) {
    this.id = id;
    this.list = list;
    this.state = state;
    this.after = 0;
    this.stopped = false;
  }

  async run(view) {
    while (!this.stopped) {
      try {
        await this.read(); // eslint-disable-line no-await-in-loop
      } catch (error) {
        this.state.textContent = error.message;
        return;
      }
      // eslint-disable-next-line no-await-in-loop
      await new Promise((resolve) => { setTimeout(resolve, PAUSE_MILLISECONDS); });
      if (!view.isConnected) await this.stop(); // eslint-disable-line no-await-in-loop
    }
  }

  async read() {
    const { records, lost } = await api(`/traces/${this.id}?after=${this.after}`);
    if (this.stopped) return;
    this.after = records.at(-1)?.number ?? this.after;
    this.list.append(...records.map(lineOf));
    while (this.list.childElementCount > LINES_MAX) this.list.firstElementChild.remove();
    this.state.textContent = lost > 0
      ? `Running. ${lost} events came too fast to be shown.` : 'Running.';
  }

  async stop() {
    if (this.stopped) return;
    this.stopped = true;
    this.state.textContent = 'Stopped.';
    // It ends by itself if nobody reads it.
    await api(`/traces/${this.id}`, { method: 'DELETE' }).catch(() => {});
  }
}

export async function showTrace(view, client) {
  const payload = h('input', { type: 'checkbox', id: 'trace-payload' });
  const list = h('ol', { class: 'trace', id: 'trace-lines' });
  const state = h('p', { class: 'soft', id: 'trace-state', role: 'status' }, '');
  let follower = null;
  const start = h('button', { id: 'trace-start', type: 'button' }, 'Start');
  const stop = h('button', { id: 'trace-stop', type: 'button', class: 'quiet', disabled: true },
    'Stop');
  start.addEventListener('click', async () => {
    start.disabled = true;
    try {
      const query = new URLSearchParams({ client, payload: String(payload.checked) });
      const { id } = await api(`/traces?${query}`, { method: 'POST' });
      list.replaceChildren();
      follower = new Follower(id, list, state);
      stop.disabled = false;
      await follower.run(view);
    } catch (error) {
      state.textContent = error.message;
    }
    start.disabled = false;
    stop.disabled = true;
  });
  stop.addEventListener('click', () => follower?.stop());
  view.replaceChildren(h('h1', {}, `Trace of ${client}`),
    h('p', {}, h('a', { href: `#/client/${encodeURIComponent(client)}` }, 'Back to the client')),
    h('div', { class: 'tools' }, start, stop,
      h('label', { class: 'check' }, payload, ' with payloads')),
    state, h('section', { class: 'card' }, list));
}
