import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { runtimeNames } from '../../src/wire/functionspec.js';
import { languageDirectory } from '../../src/worker/runtimes/description.js';
import { findPython } from '../../src/worker/runtimes/python.js';
import type { Case } from './guest/observed.js';
import { runOurs } from './guest/ourguest.js';

// What our bootstraps promise by themselves, without the official clients to compare with.
const task = mkdtempSync(join(tmpdir(), 'hearth-guest-'));
after(() => rmSync(task, { recursive: true, force: true }));

writeFileSync(
  join(task, 'index.cjs'),
  `exports.environment = async () => process.env;
exports.size = async (event) => event.text.length;
exports.large = async () => 'ä'.repeat(3_000_000);
exports.chatty = async () => { for (let i = 0; i < 2000; i += 1) console.log('line ' + i + 'x'.repeat(200)); };
exports.lost = async () => { console.log('before the end'); process.stdout.write('raw before the end'); process.kill(process.pid, 'SIGKILL'); };
exports.fail = async () => { throw new Error('no'); };
`,
);
writeFileSync(
  join(task, 'app.py'),
  `import os, signal, sys
def environment(event, context): return dict(os.environ)
def size(event, context): return len(event["text"])
def large(event, context): return "ä" * 1000000
def chatty(event, context):
    import logging
    for i in range(2000): logging.warning("line %d %s", i, "x" * 200)
def lost(event, context):
    print("before the end")
    os.kill(os.getpid(), signal.SIGKILL)
def fail(event, context): raise ValueError("no")
def forks(event, context):
    child = os.fork()
    if child == 0:
        print("from the fork")
        os._exit(0)
    os.waitpid(child, 0)
    return sys.flags.no_site
`,
);

const ownNode = `nodejs${process.versions.node.split('.')[0]}.x`;
const node = [process.execPath, join(projectRoot, 'guest', 'node', 'bootstrap.cjs')];

async function python(): Promise<{ readonly name: string; readonly command: readonly string[] } | null> {
  for (const name of runtimeNames.filter((runtime) => runtime.startsWith('python')).reverse()) {
    const found = await findPython(name);
    if (found === null) continue;
    const { mounts, command } = found.launch;
    const prefix = mounts.find(({ sandboxPath }) => sandboxPath === languageDirectory)?.hostPath;
    const program = prefix === undefined ? command![0]! : command![0]!.replace(languageDirectory, prefix);
    return { name, command: [program, join(projectRoot, 'guest', 'python', 'bootstrap.py')] };
  }
  return null;
}

const machinePython = await python();
const guests = [
  { name: ownNode, command: node, file: 'index' },
  ...(machinePython === null ? [] : [{ ...machinePython, file: 'app' }]),
];

for (const { name, command, file } of guests) {
  const run = (wanted: string, more: Partial<Case> = {}) =>
    runOurs(command, name, task, { handler: `${file}.${wanted}`, ...more });

  test(`${name}: a function sees exactly the environment of INIT, nothing of the spare`, async () => {
    const { answers } = await run('environment', { environment: { MINE: '1' }, invocations: 1 });
    const seen = JSON.parse(answers[0]!.body) as Record<string, string>;
    assert.equal(seen.MINE, '1');
    assert.equal(seen.SPARE_SECRET, undefined);
    assert.match(seen._X_AMZN_TRACE_ID ?? '', /^Root=/);
    const set = Object.keys(seen).filter(
      (variable) => !/^(AWS_|LAMBDA_|_X_AMZN|_HANDLER|LANG|PATH|TZ|MINE)/.test(variable),
    );
    assert.deepEqual(set, []);
  });

  test(`${name}: payloads larger than any buffer arrive whole, both ways`, async () => {
    const { answers } = await run('size', { event: { text: 'x'.repeat(5_000_000) } });
    assert.deepEqual(
      answers.map(({ body }) => body),
      ['5000000', '5000000'],
    );
    const large = await run('large', { invocations: 1 });
    assert.match((JSON.parse(large.answers[0]!.body) as string).slice(-3), /ä{3}/);
  });

  test(`${name}: a flood of log lines keeps its order and comes before the answer`, async () => {
    const { events, answers } = await run('chatty', { invocations: 1 });
    assert.equal(answers[0]?.kind, 'response');
    assert.equal(events.length, 2_000);
    assert.match(events[1_999]!, /line 1999/);
  });

  test(`${name}: what was logged before a kill is there`, async () => {
    const { events, stdout, answers } = await run('lost', { invocations: 1 });
    assert.match(events.join('') + stdout, /before the end/);
    assert.deepEqual(answers, [{ kind: 'exit', body: 'SIGKILL' }]);
  });

  test(`${name}: an error is answered, and the next invocation served`, async () => {
    const { answers } = await run('fail');
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ['error', 'error'],
    );
  });
}

/** What the C library keeps of 200,000 values that `process.env` sets: 145 bytes each. */
const keptBytes = 29_000_000;

test('Node: the variable that each invocation sets is everywhere, and its values cost no memory', {
  timeout: 60_000,
}, async () => {
  const script = `
    const { execFileSync } = require('node:child_process');
    const { readHeader } = require(${JSON.stringify(join(projectRoot, 'guest', 'node', 'context.cjs'))});
    const set = (trace) => readHeader(['id', '1', 'arn', trace, '', ''].join('\\n'));
    const seen = () => [process.env._X_AMZN_TRACE_ID ?? null, execFileSync('/bin/sh', ['-c', 'printf %s "$_X_AMZN_TRACE_ID"']) + ''];
    const all = [];
    for (const trace of ['Root=a', 'Root=ä', '']) { set(trace); all.push(seen()); }
    process.env._X_AMZN_TRACE_ID = 'the function’s';
    all.push(seen());
    set('Root=b');
    all.push(seen());
    const native = () => process.memoryUsage().rss - process.memoryUsage().heapTotal;
    const before = native();
    for (let i = 0; i < 200_000; i += 1) set('Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=' + i.toString(16).padStart(16, '0'));
    all.push(seen());
    console.log(JSON.stringify({ all, grownBytes: native() - before }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
  const { all, grownBytes } = JSON.parse(stdout) as { all: unknown; grownBytes: number };
  const last = 'Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=0000000000030d3f';
  const twice = (text: string) => [text, text];
  assert.deepEqual(all, [
    ...[twice('Root=a'), twice('Root=ä'), [null, '']],
    ...[twice('the function’s'), twice('Root=b'), twice(last)],
  ]);
  assert.ok(grownBytes < keptBytes / 2, `${grownBytes} bytes more`);
});

test('a forked Python child does not speak on the channel', async (context) => {
  if (machinePython === null) return context.skip('no Python on this machine');
  const { answers, stdout } = await runOurs(machinePython.command, machinePython.name, task, {
    handler: 'app.forks',
    invocations: 2,
  });
  assert.deepEqual(answers, [
    { kind: 'response', body: '0' },
    { kind: 'response', body: '0' },
  ]);
  assert.match(stdout, /from the fork/);
});

test('the guests are where the runtimes show them', () => {
  assert.equal(existsSync(join(projectRoot, 'guest', 'node', 'bootstrap.cjs')), true);
  assert.equal(existsSync(join(projectRoot, 'guest', 'python', 'bootstrap.py')), true);
});
