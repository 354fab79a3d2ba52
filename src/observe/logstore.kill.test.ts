import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type EventQuery, queryEvents } from './eventquery.js';
import { LogStore } from './logstore.js';

const scope = { account: '000000000000', region: 'us-east-1' };
const groups = ['g0', 'g1', 'g2'];

/** Writes numbered lines for ever, says after each flush how far all groups are; dies with its parent. */
const child = `
import { LogStore } from ${JSON.stringify(new URL('./logstore.js', import.meta.url).href)};
import { writeSync } from 'node:fs';
process.on('disconnect', () => process.exit(1));
const store = new LogStore({ folder: process.argv[1], clock: { nowMs: Date.now }, segmentBytesMax: 20_000 });
const writers = ${JSON.stringify(groups)}.map((group) => store.open(${JSON.stringify(scope)}, group, 's' + process.pid));
let next = Number(process.argv[2]);
function turn() {
  for (let i = 0; i < 20; i += 1, next += 1) for (const writer of writers) writer.append(Date.now(), next + ' ' + 'x'.repeat(next % 200));
  store.flush();
  writeSync(1, next + '\\n');
  setImmediate(turn);
}
turn();
`;

test('kill -9 at any moment loses nothing that was flushed, tears nothing, keeps the order', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'logstore-kill-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  let first = 0;
  for (let round = 0; round < 12; round += 1) {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', child, path, String(first)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    let flushed = first;
    let text = '';
    // Killed after some number of flushes, at whatever the writer is doing then.
    const flushesWanted = 1 + ((round * 7) % 40);
    let flushes = 0;
    writer.stdout!.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const lines = text.split('\n');
      text = lines.pop()!;
      flushes += lines.length;
      if (lines.length > 0) flushed = Number(lines.at(-1));
      if (flushes >= flushesWanted) writer.kill('SIGKILL');
    });
    await new Promise((resolve) => writer.once('close', resolve));
    assert.ok(flushed > first, 'the writer wrote');

    const store = new LogStore({ folder: path, clock: { nowMs: Date.now }, segmentBytesMax: 20_000 });
    let last = 0;
    for (const name of groups) {
      const group = store.group(scope, name);
      assert.ok(group !== null);
      const numbers: number[] = [];
      let after: EventQuery['after'] = null;
      do {
        const page = await queryEvents(group, {
          acceptsStream: null,
          fromMs: 0,
          toMs: Number.MAX_SAFE_INTEGER,
          after,
          before: null,
          direction: 'forward',
          limit: 10_000,
          matches: null,
          scanBytesMax: null,
        });
        for (const { message } of page.events) {
          const number = Number.parseInt(message, 10);
          assert.equal(message, `${number} ${'x'.repeat(number % 200)}`);
          numbers.push(number);
        }
        after = page.resumeAfter;
      } while (after !== null);
      assert.ok(numbers.at(-1)! >= flushed - 1, `${name}: flushed up to ${flushed - 1}, found ${numbers.at(-1)}`);
      // In order, without repetition. A number may be missing only where a kill came between groups of one flush.
      for (let i = 1; i < numbers.length; i += 1) assert.ok(numbers[i]! > numbers[i - 1]!);
      last = Math.max(last, numbers.at(-1)!);
    }
    await store.close();
    first = last + 1;
  }
});
