// A CA of our own and a server certificate by it, as a site would get one.

import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/// Makes ca.pem, fullchain.pem (with the CA in it) and privkey.pem in `folder`, for these names and
/// 127.0.0.1.
///
/// Returns  { ca, chainFile, keyFile, keyHash }; `keyHash` is how Chromium is told to trust the CA.
export function makeCertificates(folder, names) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const file = (name) => path.join(folder, name);
  const days = ['-days', '20'];
  writeFileSync(file('names.ext'),
    `subjectAltName=IP:127.0.0.1,${names.map((name) => `DNS:${name}`)}\n`);
  openssl('req', '-x509', ...newKey, ...days, '-subj', '/CN=darter test CA',
    '-keyout', 'ca-key.pem', '-out', 'ca.pem');
  openssl('req', ...newKey, '-subj', `/CN=${names[0]}`, '-keyout', 'privkey.pem',
    '-out', 'server.csr');
  openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem',
    '-CAcreateserial', ...days, '-extfile', 'names.ext', '-out', 'server.pem');
  chmodSync(file('privkey.pem'), 0o600);
  const ca = readFileSync(file('ca.pem'));
  writeFileSync(file('fullchain.pem'), Buffer.concat([readFileSync(file('server.pem')), ca]));
  const publicKey = new X509Certificate(ca).publicKey.export({ type: 'spki', format: 'der' });
  return {
    ca,
    chainFile: file('fullchain.pem'),
    keyFile: file('privkey.pem'),
    keyHash: createHash('sha256').update(publicKey).digest('base64'),
  };
}
