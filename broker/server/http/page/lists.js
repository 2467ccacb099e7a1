// The clients, one client, the retained messages, and the bans.

import { api, ask, bytes, duration, h, note, number, table } from './parts.js';

const PAGE_ROWS = 50;
const SEARCH_PAUSE_MILLISECONDS = 250;

export const clientLink = (id) =>
  h('a', { href: `#/client/${encodeURIComponent(id)}` }, id === '' ? '(empty)' : id);

const presence = (client) => (client.connected
  ? h('span', { class: 'good dot' }, duration(client.connected_seconds))
  : h('span', { class: 'soft dot' }, 'away'));

const address = ({ address: host, port }) => {
  if (!host) return '';
  if (!port) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
};

const clientColumns = [
  { title: 'Client', cell: (row) => clientLink(row.client_id), kind: 'name' },
  { title: 'User', cell: (row) => row.user },
  { title: 'Address', cell: address, kind: 'wide' },
  { title: 'MQTT', cell: (row) => row.version, kind: 'wide' },
  { title: 'Subscriptions', cell: (row) => number(row.subscriptions), kind: 'number wide' },
  { title: 'Queue', cell: (row) => bytes(row.queued_bytes + row.socket_bytes), kind: 'number' },
  { title: 'In/s', cell: (row) => number(row.received_per_second), kind: 'number wide' },
  { title: 'Out/s', cell: (row) => number(row.sent_per_second), kind: 'number wide' },
  { title: 'Dropped', cell: (row) => number(row.dropped), kind: 'number wide' },
  { title: 'Connected', cell: presence },
];

export const slowColumns = [
  clientColumns[0], clientColumns[5],
  { title: 'Messages', cell: (row) => number(row.queued + row.in_flight), kind: 'number' },
  { title: 'Dropped', cell: (row) => number(row.dropped), kind: 'number' },
];

const option = (value, text, chosen) => h('option', { value, selected: value === chosen }, text);

/// A list in pages: `ask(after)` resolves to { rows, next }, `show(rows)` is an element.
function pagedList(load, show) {
  const body = h('div', {});
  const where = h('span', {});
  const back = h('button', { class: 'quiet small', type: 'button' }, 'Back');
  const on = h('button', { class: 'quiet small', type: 'button' }, 'Next');
  const card = h('section', { class: 'card' }, body,
    h('div', { class: 'pages' }, where, back, on));
  let places = [''];
  let turn = 0;
  const draw = async () => {
    turn += 1;
    const mine = turn;
    const { rows, next } = await load(places.at(-1));
    if (mine !== turn) return; // another question came meanwhile
    body.replaceChildren(show(rows));
    where.textContent = places.length > 1 || next ? `Page ${places.length}` : '';
    back.hidden = places.length === 1 && next === null;
    on.hidden = back.hidden;
    back.disabled = places.length === 1;
    on.disabled = next === null;
    const turnTo = () => run(draw).then(() => window.scrollTo(0, 0));
    on.onclick = () => { places.push(next); turnTo(); };
    back.onclick = () => { places.pop(); turnTo(); };
  };
  const restart = () => { places = ['']; return draw(); };
  return { card, draw, restart };
}

let run = (work) => work();
/// `guard(work)` shows the faults of what a person starts.
export function useGuard(guard) {
  run = guard;
}

function afterPause(work) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(() => run(work), SEARCH_PAUSE_MILLISECONDS);
  };
}

/// Text that may stand anywhere, as a pattern of the API.
const anywhere = (text) => `*${text.replaceAll(/[[\]]/g, '?')}*`;

let search = { text: '', key: 'id', connected: '', sort: '' }; // kept while other views are shown

export async function showClients(view) {
  const text = h('input', { type: 'search', value: search.text, placeholder: 'any part of it',
    id: 'search' });
  const key = h('select', { id: 'search-key' }, ['id', 'user', 'address'].map((each) =>
    option(each, each === 'id' ? 'client id' : each, search.key)));
  const connected = h('select', { id: 'search-connected' }, [['', 'all'], ['yes', 'connected'],
    ['no', 'away']].map(([value, name]) => option(value, name, search.connected)));
  const sort = h('select', { id: 'search-sort' }, [['', 'as they come'], ['id', 'client id'],
    ['queue', 'longest queue'], ['rate', 'most messages a second'], ['dropped', 'most dropped'],
    ['age', 'longest connected'], ['silent', 'longest silent']].map(([value, name]) =>
    option(value, name, search.sort)));
  const list = pagedList(async (after) => {
    search = { text: text.value, key: key.value, connected: connected.value, sort: sort.value };
    const query = new URLSearchParams();
    if (search.text) query.set(search.key, anywhere(search.text));
    if (search.connected) query.set('connected', search.connected);
    if (search.sort) query.set('sort', search.sort);
    query.set('limit', search.sort ? 2 * PAGE_ROWS : PAGE_ROWS);
    if (after) query.set('after', after);
    const { clients, next } = await api(`/clients?${query}`);
    return { rows: clients, next };
  }, (rows) => table(clientColumns, rows, 'No client fits.'));
  text.addEventListener('input', afterPause(list.restart));
  for (const each of [key, connected, sort]) {
    each.addEventListener('change', () => run(list.restart));
  }
  view.replaceChildren(h('h1', {}, 'Clients'), h('div', { class: 'tools' },
    h('label', { class: 'search' }, 'Search', text), h('label', {}, 'in', key),
    h('label', {}, 'Show', connected), h('label', {}, 'Sort by', sort)), list.card);
  await list.draw();
}

const facts = (pairs) => h('dl', {}, pairs.map(([name, value]) =>
  [h('dt', {}, name), h('dd', {}, value)]));

function expiry(client) {
  if (client.expires_in_seconds !== null) return `ends in ${duration(client.expires_in_seconds)}`;
  if (client.session_expiry_seconds === null) return 'never ends';
  if (client.session_expiry_seconds === 0) return 'ends with the connection';
  return `ends ${duration(client.session_expiry_seconds)} after the connection`;
}

const subscriptionColumns = [
  { title: 'Filter', cell: (row) => row.filter, kind: 'name' },
  { title: 'QoS', cell: (row) => String(row.qos), kind: 'number' },
  { title: 'Shared as', cell: (row) => row.share_name },
  { title: 'Options', kind: 'wide', cell: (row) => [row.no_local && 'no local',
    row.retain_as_published && 'retain as published',
    row.identifier > 0 && `identifier ${row.identifier}`].filter(Boolean).join(', ') },
];

export async function showClient(view, id, mayChange) {
  const path = `/clients/${encodeURIComponent(id)}`;
  const client = await api(path);
  const change = (question, yes, where, done) => async () => {
    if (!await ask(question, yes)) return;
    await run(async () => {
      await api(where, { method: 'DELETE' });
      note(done);
      await showClient(view, id, mayChange).catch(() => { window.location.hash = '#/clients'; });
    });
  };
  const buttons = mayChange && h('div', { class: 'buttons' },
    h('a', { id: 'trace', href: `#/trace/${encodeURIComponent(id)}` }, 'Trace'),
    client.connected && h('button', { id: 'disconnect', class: 'danger', type: 'button',
      onclick: change(`Disconnect ${id}? Its session stays, and it may come back.`, 'Disconnect',
        path, `${id} is disconnected.`) }, 'Disconnect'),
    h('button', { id: 'forget', class: 'danger', type: 'button',
      onclick: change(`Forget the session of ${id}? Its subscriptions and all messages that wait `
        + 'for it are lost.', 'Forget', `${path}?forget=true`,
      `The session of ${id} is forgotten.`) }, 'Forget session'));
  const rows = client.subscription_list;
  view.replaceChildren(h('h1', {}, id), h('div', { class: 'grid broad' },
    h('section', { class: 'card' }, h('h2', {}, 'Connection'), facts([
      ['Connected', presence(client)], ['User', client.user || '–'],
      ['Address', address(client) || '–'], ['Listener', client.listener],
      ['MQTT', client.version + (client.bridge ? ', a bridge' : '')],
      ['Last packet', client.connected ? `${duration(client.silent_seconds)} ago` : '–'],
      ['Messages', client.connected ? `${number(client.received_per_second)} a second from it, `
        + `${number(client.sent_per_second)} to it` : '–'],
      ['Keep alive', client.keep_alive_seconds ? `${client.keep_alive_seconds} s` : 'off'],
    ])),
    h('section', { class: 'card' }, h('h2', {}, 'Session'), facts([
      ['Session', expiry(client)], ['In flight', `${number(client.in_flight)} to the client, `
        + `${number(client.incoming_qos_2)} of QoS 2 from it`],
      ['Waiting', `${number(client.queued)} messages, ${bytes(client.queued_bytes)}`],
      ['In the socket', bytes(client.socket_bytes)],
      ['Dropped', `${number(client.dropped)} messages`],
    ]), buttons)),
  h('section', { class: 'card' },
    h('h2', {}, `Subscriptions (${client.subscriptions})`),
    table(subscriptionColumns, rows, 'It has none.'),
    rows.length < client.subscriptions
      ? h('p', { class: 'soft' }, `and ${client.subscriptions - rows.length} more`) : null));
}

export async function showRetained(view, mayChange) {
  const filter = h('input', { value: '#', id: 'filter', spellcheck: 'false' });
  const remove = (topic) => async () => {
    if (!await ask(`Delete the retained message of ${topic}?`, 'Delete')) return;
    await run(async () => {
      await api(`/retained?topic=${encodeURIComponent(topic)}`, { method: 'DELETE' });
      note(`The retained message of ${topic} is deleted.`);
      await list.draw();
    });
  };
  const columns = [
    { title: 'Topic', cell: (row) => row.topic, kind: 'name' },
    { title: 'Payload', kind: 'payload', cell: (row) => (row.payload !== undefined
      ? row.payload : h('span', { class: 'soft' }, `base64 ${row.payload_base64}`)) },
    { title: 'Size', cell: (row) => bytes(row.payload_bytes), kind: 'number' },
    { title: 'QoS', cell: (row) => String(row.qos), kind: 'number wide' },
    { title: 'By', kind: 'wide', cell: (row) =>
      (row.client_id ? clientLink(row.client_id) : h('span', { class: 'soft' }, 'the broker')) },
  ];
  if (mayChange) {
    columns.push({ title: '', kind: 'action', cell: (row) => h('button', {
      class: 'danger small', type: 'button', onclick: remove(row.topic) }, 'Delete') });
  }
  const list = pagedList(async (after) => {
    const query = new URLSearchParams({ filter: filter.value || '#', limit: PAGE_ROWS });
    if (after) query.set('after', after);
    const { retained, next } = await api(`/retained?${query}`);
    return { rows: retained, next };
  }, (rows) => table(columns, rows, 'No retained message fits.'));
  filter.addEventListener('input', afterPause(list.restart));
  view.replaceChildren(h('h1', {}, 'Retained messages'), h('div', { class: 'tools' },
    h('label', { class: 'search' }, 'Topic filter, as in a subscription', filter)), list.card);
  await list.draw();
}

export async function showBans(view, mayChange) {
  const lift = (address) => async () => {
    if (!await ask(`Lift the ban of ${address}? Its failed logins are forgotten.`, 'Lift')) return;
    await run(async () => {
      await api(`/bans?address=${encodeURIComponent(address)}`, { method: 'DELETE' });
      note(`The ban of ${address} is lifted.`);
      await list.draw();
    });
  };
  const columns = [
    { title: 'Address', cell: (row) => row.address, kind: 'name' },
    { title: 'Ends in', cell: (row) => duration(row.seconds_left), kind: 'number' },
  ];
  if (mayChange) {
    columns.push({ title: '', kind: 'action', cell: (row) => h('button', {
      class: 'danger small', type: 'button', onclick: lift(row.address) }, 'Lift') });
  }
  const list = pagedList(async (after) => {
    const query = new URLSearchParams({ limit: PAGE_ROWS });
    if (after) query.set('after', after);
    const { bans, next } = await api(`/bans?${query}`);
    return { rows: bans, next };
  }, (rows) => table(columns, rows, 'No address is banned.'));
  view.replaceChildren(h('h1', {}, 'Bans'),
    h('p', { class: 'soft' }, 'Addresses that may not log in for a while: too many logins failed.'),
    list.card);
  await list.draw();
}
