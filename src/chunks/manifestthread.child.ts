// Opens the sealed manifest on its standard input, and seals it again, with and without the thread:
// `manifestthread.child.js LABEL KEY`. Prints how many milliseconds of a processor each takes of the main thread, on average.
import { readFileSync } from 'node:fs';
import { decodeManifest, encodeManifest } from './manifest.js';
import { ManifestThread } from './manifestthread.js';
import { packManifest } from './packedmanifest.js';
import { openRecord, recordName, sealRecord } from './sealedrecord.js';

const rounds = 10;
const [label = '', hex = ''] = process.argv.slice(2);
const key = Buffer.from(hex, 'hex');
const parts: Buffer[] = [];
for await (const part of process.stdin) parts.push(part);
const sealed = Buffer.concat(parts);
const thread = new ManifestThread();

function busyMs(): number {
  const [ns] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
  return Number(ns) / 1e6;
}

const times: number[] = [];
const manifest = await thread.open(label, sealed, key);
for (const open of [
  async () => packManifest(await thread.open(label, sealed, key)),
  async () => packManifest(decodeManifest(openRecord(label, sealed, key))),
  async () => thread.seal(label, (await thread.encode(manifest, key)).encoded, key),
  async () => {
    const encoded = encodeManifest(manifest);
    recordName(encoded, key);
    sealRecord(label, encoded, key);
  },
]) {
  // The thread starts, code is compiled.
  for (let round = 0; round < rounds; round++) await open();
  const startMs = busyMs();
  for (let round = 0; round < rounds; round++) await open();
  times.push((busyMs() - startMs) / rounds);
}
console.log(JSON.stringify(times));
