// The status page of a broker: login, the views by the address, and the overview.

import {
  ApiError, api, at, bytes, duration, h, inUnit, number, plot, table,
} from './parts.js';
import {
  clientLink, showBans, showClient, showClients, showRetained, slowColumns, useGuard,
} from './lists.js';
import { drawBackups, makeBackup } from './backups.js';
import { showConsole } from './console.js';
import { showTrace } from './trace.js';

const REFRESH_MILLISECONDS = 5000;
const CERTIFICATE_DAYS = 21; // fewer are a warning

let user = null; // { name, role }; null: nobody has logged in
let timer = 0;

function trouble(text) {
  at('trouble').textContent = text;
  at('trouble').hidden = text === '';
}

function showLogin(text = '') {
  user = null;
  clearTimeout(timer);
  at('top').hidden = true;
  at('view').replaceChildren();
  at('login').hidden = false;
  at('login-error').textContent = text;
  at('login-error').hidden = text === '';
  at('name').focus();
}

/// Does some work, and shows its fault. Returns whether it was done.
async function guard(work) {
  try {
    await work();
    trouble('');
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      showLogin(user ? 'The session has ended. Log in again.' : '');
    } else {
      trouble(error.message);
    }
    return false;
  }
}
useGuard(guard);

// --- Overview ---

const plots = [
  ['Messages', ['publish_received', 'from clients'], ['publish_sent', 'to clients']],
  ['Traffic', ['received', 'from clients'], ['sent', 'to clients']],
  ['Losses', ['publish_dropped', 'dropped'], ['refused', 'refused'],
    ['logins_failed', 'failed logins']],
  ['Clients', ['clients_connected', 'connected'], ['sessions', 'sessions']],
  ['Loop turns', ['loop_turn', '99 % below'], ['route', 'to the first output']],
  ['Journal', ['store_commit', '99 % of commits below']],
  ['Queues', ['stored', 'messages kept'], ['unsent', 'in sockets']],
  ['Memory', ['resident', 'resident']],
];

function drawPlots(history, hasStore) {
  const byName = new Map(history.series.map((each) => [each.name, each]));
  return plots.filter(([title]) => hasStore || title !== 'Journal').map(([title, ...lines]) => {
    const shown = lines.map(([name, text]) => ({ title: text, ...pick(byName.get(name)) }));
    return plot(title, shown[0].unit, history.times, shown,
      lines.map(([name]) => byName.get(name).help).join(' '));
  });
}

const pick = ({ unit, values }) => ({ unit, values });

const state = (good, yes, no) => h('span', { class: `${good ? 'good' : 'bad'} dot` },
  good ? yes : no);

const listenerColumns = [
  { title: 'Listener', cell: (row) => row.name, kind: 'name' },
  { title: 'Protocol', cell: (row) => row.protocol + (row.tls ? ' over TLS' : '') },
  { title: 'Connections', cell: (row) => number(row.connections), kind: 'number' },
  { title: 'State', cell: (row) => state(row.open, 'open', 'not open') },
];

function daysLeft(row) {
  let kind = 'good';
  if (row.days < CERTIFICATE_DAYS) kind = row.days < 0 ? 'bad' : 'wait';
  return h('span', { class: `${kind} dot` }, row.days < 0 ? 'ended' : `${row.days} days`);
}

const certificateColumns = [
  { title: 'Port', cell: (row) => row.port, kind: 'name' },
  { title: 'Ends', cell: (row) => new Date(row.ends * 1000).toLocaleDateString() },
  { title: 'Left', cell: daysLeft },
];

const bridgeColumns = [
  { title: 'Bridge', cell: (row) => row.name, kind: 'name' },
  { title: 'Sent', cell: (row) => number(row.sent), kind: 'number' },
  { title: 'Received', cell: (row) => number(row.received), kind: 'number' },
  { title: 'Waiting', cell: (row) => number(row.queued), kind: 'number wide' },
  { title: 'State', cell: (row) => h('span', { title: row.last_error },
    state(row.connected, 'connected', row.last_error || 'not connected')) },
];

const dropColumns = [
  { title: 'Reason', cell: ([reason]) => reason.replaceAll('_', ' '), kind: 'name' },
  { title: 'Messages', cell: ([, count]) => number(count), kind: 'number' },
];

const cutName = (row, whole) => (row.cut ? `${row.name}…` : whole(row.name));

const rateColumns = [
  { title: 'Messages', cell: (row) => inUnit['1/s'](row.messages_per_second), kind: 'number' },
  { title: 'Bytes', cell: (row) => inUnit['bytes/s'](row.bytes_per_second), kind: 'number' },
];

const topColumns = [
  { title: 'Topic', cell: (row) => cutName(row, String), kind: 'name' }, ...rateColumns,
];

const publisherColumns = [
  { title: 'Client', cell: (row) => cutName(row, clientLink), kind: 'name' }, ...rateColumns,
];

const NOTHING_STANDS_OUT = 'In the last minute none stands out.';

const card = (title, content) => h('section', { class: 'card' }, h('h2', {}, title), content);

function drawFacts(status) {
  const fact = (name, value) => h('span', {}, `${name} `, h('b', {}, value));
  return h('p', { class: 'facts' }, fact('Version', status.version),
    fact('up', duration(status.uptime_seconds)), fact('clients', number(status.clients_connected)),
    fact('sessions', number(status.sessions)), fact('subscriptions', number(status.subscriptions)),
    fact('retained', number(status.retained_messages)), fact('loops', String(status.loops)),
    fact('memory', bytes(status.resident_bytes)),
    fact('configuration', `no. ${status.configuration_generation}`),
    status.store?.failing ? h('span', { class: 'bad dot' }, status.store.error) : null);
}

const topCards = (top) => [
  card('Topics by messages', table(topColumns, top.topics_by_messages, NOTHING_STANDS_OUT)),
  card('Topics by bytes', table(topColumns, top.topics_by_bytes, NOTHING_STANDS_OUT)),
  card('Publishers by messages', table(publisherColumns, top.clients_by_messages,
    NOTHING_STANDS_OUT)),
  card('Publishers by bytes', table(publisherColumns, top.clients_by_bytes, NOTHING_STANDS_OUT)),
];

/// Makes a backup; then the overview shows it.
async function backUp(event) {
  event.currentTarget.disabled = true;
  if (await guard(makeBackup)) await show(); // eslint-disable-line no-use-before-define
}

/// Nothing: there is no store.
async function backupCard(status) {
  if (status.store === null) return null;
  return card(...drawBackups(await api('/backups'), user.role === 'admin' ? backUp : null));
}

async function showOverview(view) {
  const [status, history, figures, slow, top] = await Promise.all([api('/status'), api('/history'),
    api('/figures'), api('/clients?sort=queue&limit=8'), api('/top?limit=8')]);
  const drops = figures.figures.find((each) => each.name === 'publish_dropped_by_reason').values;
  const backups = await backupCard(status);
  const behind = slow.clients.filter((each) => each.queued_bytes + each.socket_bytes > 0);
  view.replaceChildren(drawFacts(status),
    h('div', { class: 'grid' }, drawPlots(history, status.store !== null)),
    h('div', { class: 'grid broad' },
      card('Listeners', table(listenerColumns, status.listeners, 'There are none.')),
      topCards(top),
      card('Slow consumers', table(slowColumns, behind, 'No client has messages that wait.')),
      card('Dropped messages', table(dropColumns,
        Object.entries(drops).filter(([, count]) => count > 0), 'None since the start.')),
      backups,
      card('Certificates', table(certificateColumns, status.certificates,
        'No listener speaks TLS.')),
      card('Bridges', table(bridgeColumns, status.bridges, 'There are none.'))));
}

// --- Views ---

function currentView() {
  const [, name, ...rest] = window.location.hash.split('/');
  const mayChange = user.role === 'admin';
  if (name === 'clients') return ['clients', (view) => showClients(view)];
  if (name === 'client') {
    const id = decodeURIComponent(rest.join('/'));
    return ['clients', (view) => showClient(view, id, mayChange)];
  }
  if (name === 'trace' && mayChange) {
    const id = decodeURIComponent(rest.join('/'));
    return ['clients', (view) => showTrace(view, id)];
  }
  if (name === 'retained') return ['retained', (view) => showRetained(view, mayChange)];
  if (name === 'bans') return ['bans', (view) => showBans(view, mayChange)];
  if (name === 'console') return ['console', showConsole];
  return ['overview', showOverview];
}

let turn = 0;

/// Shows the view of the address; the overview again and again.
async function show() {
  if (user === null) return;
  turn += 1;
  const mine = turn;
  clearTimeout(timer);
  const [name, draw] = currentView();
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const fresh = h('div', {});
  const done = await guard(() => draw(fresh));
  if (mine !== turn || user === null) return;
  if (done) at('view').replaceChildren(fresh);
  if (name === 'overview' || !done) timer = setTimeout(show, REFRESH_MILLISECONDS);
}

async function enter() {
  user = await api('/session');
  at('login').hidden = true;
  at('top').hidden = false;
  at('user').textContent = user.role === 'admin' ? user.name : `${user.name} (read-only)`;
  await show();
}

at('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = { name: at('name').value, password: at('password').value };
  at('password').value = '';
  try {
    await api('/login', { method: 'POST', body });
  } catch (error) {
    showLogin(error.message);
    return;
  }
  await guard(enter);
});

at('logout').addEventListener('click', async () => {
  await guard(() => api('/logout', { method: 'POST' }));
  showLogin();
});

window.addEventListener('hashchange', show);
guard(enter);
