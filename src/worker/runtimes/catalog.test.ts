import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type RuntimeName, runtimeNames } from '../../wire/functionspec.js';
import { MachineRuntimes } from './catalog.js';
import { RuntimeUnavailable } from './description.js';

const dataDirectory = mkdtempSync(join(tmpdir(), 'hearth-runtimes-'));
after(() => rmSync(dataDirectory, { recursive: true, force: true }));
const runtimes = new MachineRuntimes({ dataDirectory });
const ownMajor = Number.parseInt(process.versions.node, 10);
const own = `nodejs${ownMajor}.x` as RuntimeName;

test('every runtime is listed once, with what is known of it', async () => {
  const list = await runtimes.list();
  assert.deepEqual(
    list.map(({ name }) => name),
    runtimeNames,
  );
  const provided = list.find(({ name }) => name === 'provided.al2023');
  assert.equal(provided?.status, 'ready');
  for (const { status, version } of list) assert.equal(status === 'ready' || version === null, true);
});

test("this process's Node serves its own version", async (context) => {
  if (!runtimeNames.includes(own)) return context.skip(`Node ${ownMajor} is no runtime`);
  const launch = await runtimes.launch(own);
  assert.deepEqual(launch.command, ['/var/lang/bin/node', '/var/runtime/bootstrap.cjs']);
  for (const { hostPath } of launch.mounts) assert.equal(existsSync(hostPath), true, hostPath);
  // The bootstrap is one file; what it loads natively, and what it rehearses with, lies beside it.
  const files = ['bootstrap.cjs', 'package.json', 'rehearsal.js', 'rehearsalmodule.mjs', 'reseed.node', 'trace.node'];
  assert.deepEqual(readdirSync(launch.mounts[1]!.hostPath), files);
  const { name, arn } = runtimes.version(own, 'eu-central-1');
  assert.equal(name, `nodejs:${ownMajor}.v${process.versions.node.slice(String(ownMajor).length + 1)}`);
  assert.match(arn, /^arn:aws:lambda:eu-central-1::runtime:[0-9a-f]{64}$/);
  assert.deepEqual(
    await runtimes.add(own),
    (await runtimes.list()).find((runtime) => runtime.name === own),
  );
});

test('a runtime that is not there says how to add it', async () => {
  const absent = runtimeNames.find((name) => name.startsWith('nodejs') && name !== own)!;
  await assert.rejects(runtimes.launch(absent), (error: Error) => {
    assert.equal(error instanceof RuntimeUnavailable, true);
    assert.match(error.message, new RegExp(`hearth runtimes add ${absent}`));
    return true;
  });
});

test('programs that bring their own bootstrap need nothing', async () => {
  assert.equal((await runtimes.launch('provided.al2')).command, null);
});
