import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { L2Tier } from '../../src/chunks/l2/l2tier.js';
import { nameOf } from '../../src/chunks/l2/stripes.js';
import { cleanEnvironment, stop } from './childprocess.js';

const command = join(projectRoot, 'bin', 'hearth');

interface Serving {
  readonly child: ChildProcess;
  readonly said: { readonly url: string; readonly chunks: number };
}

describe('hearth cache-member', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-cache-'));
  const secretFile = join(folder, 'secret');
  const secret = randomBytes(32).toString('hex');
  writeFileSync(secretFile, `${secret}\n`);
  const children: ChildProcess[] = [];
  after(async () => {
    await Promise.all(children.map((child) => stop(child, 'SIGKILL')));
    rmSync(folder, { recursive: true, force: true });
  });

  async function serve(...args: string[]): Promise<Serving> {
    const child = spawn(command, ['cache-member', '--json', '--cache-secret-file', secretFile, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: cleanEnvironment(),
    });
    children.push(child);
    let text = '';
    for await (const line of createInterface({ input: child.stdout! })) {
      text += line;
      if (line === '}' || line.endsWith('}')) break;
    }
    return { child, said: JSON.parse(text) as Serving['said'] };
  }

  it('five of them hold chunks; one with a folder has its share again after a restart', async () => {
    const disk = join(folder, 'disk');
    const members = await Promise.all([
      serve('--port', '0', '--folder', disk),
      ...Array.from({ length: 4 }, () => serve('--port', '0', '--size', '16')),
    ]);
    const list = members.map(({ said }, n) => ({ id: `m${n}`, url: new URL(said.url) }));
    const tier = new L2Tier({ members: list, secret: Buffer.from(secret), getMsMax: 60_000 });
    try {
      const chunks = Array.from({ length: 5 }, () => randomBytes(40_000));
      for (const bytes of chunks) await tier.put(nameOf(bytes), bytes);
      for (const bytes of chunks) assert.deepEqual(await tier.get(nameOf(bytes), bytes.length, 'fault'), bytes);
      await stop(members[0]!.child);
      assert.equal(members[0]!.child.exitCode, 0);
      const again = await serve('--port', '0', '--folder', disk);
      assert.equal(again.said.chunks, 5);
    } finally {
      await tier.close();
    }
  });

  it('says what it needs', () => {
    const run = (...args: string[]) => {
      const { status, stderr } = spawnSync(command, ['cache-member', '--port', '0', ...args], {
        env: cleanEnvironment(),
        encoding: 'utf8',
        timeout: 60_000,
      });
      return `${status} ${stderr}`;
    };
    assert.match(run(), /^64 .*--cache-secret-file names the file/);
    assert.match(run('--cache-secret-file', join(folder, 'none')), /^64 .*ENOENT/);
    const weak = join(folder, 'weak');
    writeFileSync(weak, 'secret');
    assert.match(run('--cache-secret-file', weak), /^64 .*at least 16 characters/);
    assert.match(run('--cache-secret-file', secretFile, '--size', '0'), /^64 .*--size/);
  });
});
