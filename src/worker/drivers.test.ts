import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { RuntimeName } from '../wire/functionspec.js';
import { makeInvocation, makeSpec, World } from './fake/world.js';
import { MachineRuntimes } from './runtimes/catalog.js';
import { DriverError, type SandboxDriver } from './sandbox/driver.js';
import { NoneDriver } from './sandbox/none/nonedriver.js';
import { ProcessDriver } from './sandbox/process/processdriver.js';
import { findProgram } from './sandbox/programs.js';
import { reexecInMountNamespace } from './sandbox/reexec.js';

reexecInMountNamespace();

const runtime = `nodejs${process.versions.node.split('.')[0]}.x` as RuntimeName;

const handler = `
const fs = require('node:fs');
let calls = 0;
exports.handler = async (event, context) => {
  calls += 1;
  if (event.log) console.log(event.log);
  if (event.write) fs.writeFileSync((process.env.TMPDIR ?? '/tmp') + '/kept', event.write);
  if (event.read) return { calls, kept: fs.readFileSync((process.env.TMPDIR ?? '/tmp') + '/kept', 'utf8') };
  if (event.exit !== undefined) process.exit(event.exit);
  if (event.hang) for (;;);
  if (event.grow) { const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1)); }
  if (event.large) return 'x'.repeat(event.large);
  if (event.raw) fs.writeSync(1, event.raw);
  return { calls, event, root: process.cwd() };
};`;

/** An unmodified HTTP client as runtime: Python's, from its standard library. */
const bootstrap = `#!/usr/bin/env python3
import http.client, os
c = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    c.request("GET", "/2018-06-01/runtime/invocation/next")
    r = c.getresponse(); body = r.read()
    print("raw line", flush=True)
    c.request("POST", "/2018-06-01/runtime/invocation/" + r.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", body)
    c.getresponse().read()
`;

for (const [name, open] of [
  ['none', (stateDirectory: string) => NoneDriver.open({ stateDirectory })],
  ['namespaces', (stateDirectory: string) => ProcessDriver.open({ stateDirectory })],
] as const) {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-worker-'));
  const code = join(folder, 'code');
  mkdirSync(code);
  writeFileSync(join(code, 'index.js'), handler);
  // Without isolation, Node looks for one in the folders above, too: those of the machine are none of ours.
  writeFileSync(join(code, 'package.json'), '{}');
  writeFileSync(join(code, 'bootstrap'), bootstrap, { mode: 0o755 });
  let driver: SandboxDriver | null = null;
  let unavailable = '';
  try {
    driver = await open(join(folder, 'state'));
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    unavailable = error.message;
  }

  describe(`the worker over the driver ${name}`, { skip: driver === null ? unavailable : false }, () => {
    const runtimes = new MachineRuntimes({ dataDirectory: folder });
    const world = new World(driver!, { runtimes, sparesPerRuntime: 1 }, code);
    after(async () => {
      await world.worker.close();
      await driver!.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const call = async (id: Parameters<World['invoke']>[0], spec: ReturnType<typeof makeSpec>, event: object) => {
      const outcome = await world.invoke(id, makeInvocation(spec, { payload: Buffer.from(JSON.stringify(event)) }));
      assert.ok(outcome.kind !== 'refused');
      return { kind: outcome.kind, value: JSON.parse(outcome.payload.toString()) };
    };

    it('serves, logs, and keeps state between invocations; from a spare too', async () => {
      const spec = makeSpec({ runtime });
      for (let round = 0; round < 2; round += 1) {
        const id = await world.start(spec);
        const first = await call(id, spec, { log: 'hello', raw: 'raw words\n' });
        assert.equal(first.kind, 'success');
        assert.equal(first.value.calls, 1);
        assert.ok(world.logs.lines.some((line) => line.includes('INFO\thello')));
        assert.ok(world.logs.lines.some((line) => line === 'raw words\n'));
        // A bare Node holds 40 MiB and more; what a cgroup counts of it may be a fifth.
        const used = /\tMax Memory Used: (\d+) MB\tInit Duration: /.exec(world.logs.lines.at(-1)!);
        assert.ok(Number(used?.[1]) >= 25 && Number(used?.[1]) <= 128, used?.[0]);
        assert.equal((await call(id, spec, {})).value.calls, 2);
        await world.stop(id);
        await world.worker.spared();
      }
    });

    it('timeout and exit: /tmp survives, globals do not', async () => {
      const spec = makeSpec({ runtime, timeoutMs: 3000 });
      const id = await world.start(spec);
      await call(id, spec, { write: 'kept' });
      const late = await call(id, spec, { hang: true });
      assert.equal(late.value.errorType, 'Sandbox.Timedout');
      assert.deepEqual((await call(id, spec, { read: true })).value, { calls: 1, kept: 'kept' });
      const gone = await call(id, spec, { exit: 3 });
      assert.match(gone.value.errorMessage, /^RequestId: .* Error: Runtime exited with error: exit status 3$/);
      assert.deepEqual((await call(id, spec, { read: true })).value, { calls: 1, kept: 'kept' });
      await world.stop(id);
    });

    it('out of memory kills the sandbox only', async (context) => {
      const limit = driver!.protections().find((protection) => protection.name === 'memory limit');
      if (limit?.inForce !== true) return context.skip(limit?.detail ?? 'no memory limit');
      const spec = makeSpec({ runtime, timeoutMs: 20_000 });
      const id = await world.start(spec);
      const { value } = await call(id, spec, { grow: true });
      assert.equal(value.errorType, 'Runtime.OutOfMemory');
      assert.match(value.errorMessage, /Runtime exited with error: signal: killed$/);
      assert.match(
        world.logs.lines.at(-1)!,
        /Max Memory Used: 128 MB\t(Init Duration: .* ms\t)?Status: error\tError Type: Runtime\.OutOfMemory/,
      );
      assert.equal((await call(id, spec, {})).value.calls, 1);
      await world.stop(id);
    });

    it('a response too large', async () => {
      const spec = makeSpec({ runtime, memoryMib: 256 });
      const id = await world.start(spec);
      const { kind, value } = await call(id, spec, { large: 6_291_556 });
      assert.equal(kind, 'function-error');
      assert.equal(value.errorType, 'Function.ResponseSizeTooLarge');
      assert.equal((await call(id, spec, {})).value.calls, 2);
      await world.stop(id);
    });

    it('a frozen sandbox serves again', async () => {
      const spec = makeSpec({ runtime });
      const id = await world.start(spec);
      for (let round = 1; round < 4; round += 1) {
        assert.equal((await call(id, spec, {})).value.calls, round);
        // Beyond the grace of 10 ms; were it not frozen yet, the test would still hold.
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      await world.stop(id);
    });

    it('provided.al2023 with Python’s HTTP client', async (context) => {
      if (findProgram('python3') === null) return context.skip('python3 is not installed');
      const spec = makeSpec({ runtime: 'provided.al2023' });
      const id = await world.start(spec);
      for (let round = 0; round < 3; round += 1) {
        assert.deepEqual((await call(id, spec, { round })).value, { round });
        assert.deepEqual(
          world.logs.lines.slice(-4).map((line) => line.split(' ')[0]),
          ['START', 'raw', 'END', 'REPORT'],
        );
      }
      await world.stop(id);
    });
  });
}
