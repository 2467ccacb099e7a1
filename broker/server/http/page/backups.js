// The backups of the store: a card of the overview.

import { api, bytes, h, note, table } from './parts.js';

const ROWS_MAX = 10;

const columns = [
  { title: 'File', cell: (row) => row.name, kind: 'name' },
  { title: 'Size', cell: (row) => bytes(row.bytes), kind: 'number' },
  { title: 'Made', cell: (row) => new Date(row.time * 1000).toLocaleString() },
];

/// The title and the content of the card. `found` is the answer of the API; `backUp` is called by
/// the button, null: there is none.
export function drawBackups(found, backUp) {
  const button = () => h('button', {
    id: 'back-up', type: 'button', class: 'quiet', disabled: found.running, onclick: backUp,
  }, found.running ? 'A backup is being made' : 'Back up');
  return ['Backups', [
    table(columns, found.backups.slice(0, ROWS_MAX), 'None is there.'),
    h('p', { class: 'soft place' }, `In ${found.folder}. A restore needs a stopped broker: `,
      h('code', {}, 'darter --restore FILE -c CONF')),
    backUp && h('div', { class: 'tools' }, button()),
  ]];
}

/// Makes a backup; says which.
export async function makeBackup() {
  const made = await api('/backups', { method: 'POST' });
  note(`The store is backed up to ${made.name}: ${bytes(made.bytes)}.`);
}
