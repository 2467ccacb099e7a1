// What all views share: elements, requests, numbers in words, plots.

export const at = (id) => document.getElementById(id);

/// An element. Attributes are set as such; children are elements or texts, or lists of them; null
/// and false are left out.
export function h(tag, attributes = {}, ...children) {
  const svg = ['svg', 'path', 'polyline', 'line'].includes(tag);
  const element = svg
    ? document.createElementNS('http://www.w3.org/2000/svg', tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  const wanted = children.flat(Infinity);
  element.append(...wanted.filter((child) => ![null, undefined, false].includes(child)));
  return element;
}

export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/// Asks the API. Throws ApiError if it refuses; its status is 0 if the broker does not answer.
export async function api(path, { method = 'GET', body } = {}) {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    headers: { 'X-Darter-Request': '1' },
    body: body && JSON.stringify(body),
  }).catch(() => { throw new ApiError(0, 'The broker does not answer. This page tries again.'); });
  const json = await answer.json().catch(() => ({ error: `The answer is ${answer.status}.` }));
  if (!answer.ok) throw new ApiError(answer.status, json.error);
  return json;
}

/// A number with that many digits, or with all of those before its point: never with an exponent.
function digits(value, count) {
  if (value < 1e-3) return '0';
  return value >= 10 ** count - 0.5 ? String(Math.round(value)) : value.toPrecision(count);
}

export function number(value) {
  if (value >= 1e9) return `${digits(value / 1e9, 3)} G`;
  if (value >= 1e6) return `${digits(value / 1e6, 3)} M`;
  if (value >= 1e4) return `${digits(value / 1e3, 3)} k`;
  return Number.isInteger(value) ? String(value) : digits(value, 2);
}

export function bytes(value) {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit + 1 < names.length) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : digits(value, 2)} ${names[unit]}`;
}

export function time(microseconds) {
  if (microseconds >= 1e6) return `${digits(microseconds / 1e6, 2)} s`;
  if (microseconds >= 1e3) return `${digits(microseconds / 1e3, 2)} ms`;
  return `${Math.round(microseconds)} µs`;
}

export function duration(seconds) {
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const first = Math.max(0, units.findIndex(([, size]) => seconds >= size));
  if (seconds < 1) return '0 s';
  const [name, size] = units[first];
  const rest = units[first + 1];
  const part = rest ? Math.floor((seconds % size) / rest[1]) : 0;
  return `${Math.floor(seconds / size)} ${name}${part ? ` ${part} ${rest[0]}` : ''}`;
}

export const inUnit = {
  '1/s': (value) => `${number(value)}/s`,
  'bytes/s': (value) => `${bytes(value)}/s`,
  bytes,
  microseconds: time,
  '': number,
};

/// A table: columns are { title, cell(row), kind }, where `kind` is a class of the cells.
export function table(columns, rows, empty) {
  if (rows.length === 0) return h('p', { class: 'empty' }, empty);
  const classOf = ({ kind }) => ({ class: kind ?? null });
  return h('div', { class: 'scroll' }, h('table', {},
    h('thead', {}, h('tr', {}, columns.map((each) => h('th', classOf(each), each.title)))),
    h('tbody', {}, rows.map((row) => h('tr', {},
      columns.map((each) => h('td', classOf(each), each.cell(row))))))));
}

const WIDTH = 300;
const HEIGHT = 74;

/// A plot of one unit: `lines` are { title, values }, one value for each of the times.
export function plot(title, unit, times, lines, hint) {
  const words = inUnit[unit];
  const last = times.length - 1;
  const end = times[last] ?? 0;
  const window = Math.min(3600, Math.max(300, end - (times[0] ?? end)));
  const most = Math.max(...lines.flatMap((line) => line.values), 0);
  const x = (i) => WIDTH * (1 - (end - times[i]) / window);
  const y = (value) => HEIGHT - (HEIGHT - 4) * (most > 0 ? value / most : 0);
  const points = (values) => values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`);
  const readings = lines.map((line) => h('b', {}, last < 0 ? '–' : words(line.values[last])));
  const cursor = h('line', { class: 'cursor', y1: 0, y2: HEIGHT, visibility: 'hidden' });
  const when = h('span', {}, 'now');
  const show = (i) => {
    lines.forEach((line, k) => { readings[k].textContent = words(line.values[i]); });
    when.textContent = i === last ? 'now' : `${duration(end - times[i])} ago`;
    cursor.setAttribute('x1', x(i));
    cursor.setAttribute('x2', x(i));
    cursor.setAttribute('visibility', i === last ? 'hidden' : 'visible');
  };
  const point = (event) => {
    if (last < 0) return;
    const box = event.currentTarget.getBoundingClientRect();
    const wanted = end - window * (1 - (event.clientX - box.left) / box.width);
    const later = times.findIndex((each) => each >= wanted);
    show(later < 0 ? last : later);
  };
  const area = last > 0 && lines.length > 0
    ? [`M${x(0).toFixed(1)},${HEIGHT}`, ...points(lines[0].values), `${WIDTH},${HEIGHT}Z`].join(' ')
    : null;
  return h('section', { class: 'card plot', title: hint ?? null },
    h('div', { class: 'top' }, h('h2', {}, title),
      h('span', { class: 'soft' }, most > 0 ? `max ${words(most)}` : '')),
    h('svg', {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img',
      'aria-label': `${title}, the last ${duration(window)}`,
      onpointermove: point, onpointerleave: () => last >= 0 && show(last),
    },
    h('line', { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    area && h('path', { class: 'area c0', d: area }),
    lines.map((line, k) => h('polyline', {
      class: `c${k}`, points: points(line.values).join(' ') })),
    cursor),
    h('div', { class: 'axis' }, h('span', {}, `${duration(window)} ago`), when),
    h('div', { class: 'legend' }, lines.map((line, k) =>
      h('span', { class: `c${k}` }, `${line.title} `, readings[k]))));
}

/// Asks the person. Returns whether the answer is yes.
export function ask(text, yes) {
  const dialog = at('question');
  at('question-text').textContent = text;
  at('question-yes').textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

let noteTimer = 0;
export function note(text) {
  at('note').textContent = text;
  at('note').hidden = false;
  clearTimeout(noteTimer);
  noteTimer = setTimeout(() => { at('note').hidden = true; }, 5000);
}
