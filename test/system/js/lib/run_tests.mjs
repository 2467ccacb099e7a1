// Runs test files one after the other and counts. The last line reads `N passed, N failed`.
//
// usage: run_tests.mjs FOLDER [NAME-PATTERN | --install]
//
// What Node calls skipped, cancelled or todo counts as failed: nothing is left out in silence.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { binary } from './binary.mjs';

const FILE_MINUTES = 20; // far above what any file needs, also with a sanitizer

const [folder, pattern] = process.argv.slice(2);

function install() {
  const modules = path.join(folder, 'node_modules');
  const stamp = path.join(modules, '.installed');
  const lock = readFileSync(path.join(folder, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log(`installing the packages of ${path.join(folder, 'package-lock.json')}`);
  rmSync(stamp, { force: true });
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  writeFileSync(stamp, wanted);
}

let current = null;
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (current === null) process.exit(1);
    stopped = true; // The file that runs cleans up behind itself first.
    current.kill('SIGTERM');
  });
}

function runFile(file, summary) {
  const args = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${summary}`,
    ...(pattern ? [`--test-name-pattern=${pattern}`] : []),
    file,
  ];
  return new Promise((done) => {
    current = spawn(process.execPath, args, { cwd: folder, stdio: 'inherit' });
    const timer = setTimeout(() => {
      console.error(`${file} did not end within ${FILE_MINUTES} minutes`);
      current.kill('SIGTERM');
    }, FILE_MINUTES * 60000);
    current.on('exit', (code) => {
      clearTimeout(timer);
      done(code ?? 1);
    });
  });
}

function count(summary, key) {
  const found = readFileSync(summary, 'utf8').match(new RegExp(`^# ${key} (\\d+)$`, 'm'));
  return found ? Number(found[1]) : 0;
}

async function main() {
  if (pattern === '--install') {
    install();
    return 0;
  }
  if (!existsSync(binary)) {
    console.error(`${binary} does not exist: build it, or name another with DARTER_BIN`);
    return 1;
  }
  install();
  const threads = process.env.DARTER_THREADS ?? 'the default number of';
  console.log(`testing ${binary} with ${threads} threads`);
  let passed = 0;
  let failed = 0;
  for (const name of readdirSync(folder)
    .filter((each) => each.endsWith('.test.mjs'))
    .sort()) {
    // Others may run the same tests beside this.
    const summary = path.join(folder, 'node_modules', `.${name}.${process.pid}.tap`);
    const code = await runFile(path.join(folder, name), summary);
    const pass = existsSync(summary) ? count(summary, 'pass') : 0;
    const others = existsSync(summary)
      ? ['fail', 'cancelled', 'todo'].reduce((sum, key) => sum + count(summary, key), 0) +
        (pattern ? 0 : count(summary, 'skipped'))
      : 0;
    rmSync(summary, { force: true });
    passed += pass;
    if (stopped) return 1;
    failed += code !== 0 ? Math.max(others, 1) : others;
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exitCode = await main();
