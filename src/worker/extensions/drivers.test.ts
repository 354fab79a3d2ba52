import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { RuntimeName } from '../../wire/functionspec.js';
import { makeInvocation, makeSpec, World } from '../fake/world.js';
import { MachineRuntimes } from '../runtimes/catalog.js';
import { DriverError, type SandboxDriver } from '../sandbox/driver.js';
import { NoneDriver } from '../sandbox/none/nonedriver.js';
import { ProcessDriver } from '../sandbox/process/processdriver.js';
import { reexecInMountNamespace } from '../sandbox/reexec.js';

reexecInMountNamespace();

const runtime = `nodejs${process.versions.node.split('.')[0]}.x` as RuntimeName;
const handler = `
process.on('SIGTERM', () => { process.stdout.write('runtime SIGTERM\\n'); process.exit(0); });
export const handler = async () => { process.stdout.write('working\\n'); };`;

/** Registers, subscribes on a port that the machine gives it, and prints what it gets. */
const extension = `#!/usr/bin/env python3
import json, os, socket, sys, threading, urllib.request
base = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API']
def call(method, path, headers, body=None):
    request = urllib.request.Request(base + path, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.headers, answer.read()
def say(*words):
    sys.stdout.write(' '.join(words) + '\\n')
    sys.stdout.flush()
server = socket.create_server(('127.0.0.1', 0))
done = threading.Event()
def take():
    while True:
        for line in server.accept()[0].makefile():
            event = json.loads(line)
            say('got', event['type'])
            if event['type'] == 'platform.runtimeDone':
                done.set()
threading.Thread(target=take, daemon=True).start()
headers, _ = call('POST', '/2020-01-01/extension/register', {'Lambda-Extension-Name': os.path.basename(__file__)},
                  b'{"events": ["INVOKE", "SHUTDOWN"]}')
mine = {'Lambda-Extension-Identifier': headers['Lambda-Extension-Identifier']}
call('PUT', '/2022-07-01/telemetry', mine, json.dumps({
    'schemaVersion': '2022-12-13', 'types': ['platform', 'function'], 'buffering': {'timeoutMs': 25},
    'destination': {'protocol': 'TCP', 'port': server.getsockname()[1]}}).encode())
while True:
    event = json.loads(call('GET', '/2020-01-01/extension/event/next', mine)[1])
    say('event', event['eventType'])
    if event['eventType'] == 'SHUTDOWN':
        sys.exit(0)
    done.wait()
    done.clear()
`;

for (const [name, open] of [
  ['none', (stateDirectory: string) => NoneDriver.open({ stateDirectory })],
  ['namespaces', (stateDirectory: string) => ProcessDriver.open({ stateDirectory })],
] as const) {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-extensions-'));
  const codeDirectory = join(folder, 'code');
  const layersDirectory = join(folder, 'layers');
  mkdirSync(codeDirectory);
  mkdirSync(join(layersDirectory, 'extensions'), { recursive: true });
  writeFileSync(join(codeDirectory, 'index.mjs'), handler);
  writeFileSync(join(layersDirectory, 'extensions', 'monty'), extension, { mode: 0o755 });
  let driver: SandboxDriver | null = null;
  let unavailable = '';
  try {
    driver = await open(join(folder, 'state'));
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    unavailable = error.message;
  }

  describe(`extensions over the driver ${name}`, { skip: driver === null ? unavailable : false }, () => {
    const runtimes = new MachineRuntimes({ dataDirectory: folder });
    const code = { acquire: async () => ({ codeDirectory, layersDirectory, libraries: false, release() {} }) };
    const world = new World(driver!, { runtimes, sparesPerRuntime: 0, code });
    after(async () => {
      await world.worker.close();
      await driver!.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it('start, take part in init and invocations, get telemetry, and end last', async () => {
      const spec = makeSpec({ runtime });
      const id = await world.start(spec);
      for (let round = 0; round < 2; round += 1) {
        const outcome = await world.invoke(id, makeInvocation(spec, { tail: true }));
        assert.equal(outcome.kind, 'success', world.logs.lines.join(''));
        assert.match(outcome.kind === 'success' ? outcome.logTail!.toString() : '', /working\n(.*\n)*REPORT /);
      }
      await world.stop(id);
      const lines = world.logs.lines.map((line) => line.trimEnd());
      for (const line of [
        'TELEMETRY\tName: monty\tState: Subscribed\tTypes: [Platform, Function]',
        'EXTENSION\tName: monty\tState: Ready\tEvents: [INVOKE, SHUTDOWN]',
        'event INVOKE',
        'got platform.initStart',
        'got function',
        'got platform.runtimeDone',
      ])
        assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`);
      assert.ok(lines.indexOf('runtime SIGTERM') < lines.indexOf('event SHUTDOWN'), lines.join('\n'));
      assert.ok(lines.includes('runtime SIGTERM'), lines.join('\n'));
    });

    it('that cannot be executed fail the function', async () => {
      writeFileSync(join(layersDirectory, 'extensions', 'plain'), 'no program', { mode: 0o644 });
      const spec = makeSpec({ runtime, functionName: 'plain' });
      const id = await world.start(spec);
      const outcome = await world.invoke(id, makeInvocation(spec));
      assert.ok(outcome.kind === 'function-error');
      const { errorType, errorMessage } = JSON.parse(outcome.payload.toString());
      assert.equal(errorType, 'Extension.LaunchError');
      assert.match(errorMessage, /Error: fork\/exec \/opt\/extensions\/plain: permission denied$/);
      await world.stop(id);
    });

    it('leave nothing when the worker is closed', async () => {
      rmSync(join(layersDirectory, 'extensions', 'plain'), { force: true });
      const spec = makeSpec({ runtime, functionName: 'closed' });
      await world.start(spec);
      await world.worker.close();
      assert.ok(world.logs.lines.some((line) => line === 'event SHUTDOWN\n'));
    });
  });
}
