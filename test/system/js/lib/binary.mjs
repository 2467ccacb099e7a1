// Which broker is tested: DARTER_BIN, or build/release/darter of this checkout.
//
// Debian's mosquitto can stand in for darter: both read the same configuration file.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../..');
export const binary = path.resolve(
  process.env.DARTER_BIN ?? path.join(checkout, 'build/release/darter'),
);
export const isMosquitto = path.basename(binary) === 'mosquitto';
