import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Hearth, ownNode } from './hearth.js';

const wrapper = '/var/task/wrapper.sh';
/** As the wrappers of tracing layers: a variable, and a handler of their own before the function's. */
const redirecting = `#!/bin/bash
export FROM_WRAPPER="$#"
export ORIGINAL_HANDLER="$_HANDLER"
export _HANDLER=traced.handler
echo "wrapper runs in $PWD"
exec "$@"
`;
/** Lambda's own example: an option put before the last argument (developer guide, "Creating a wrapper script"). */
const inserting = `#!/bin/bash
args=("$@")
extra_args=("-X" "importtime")
args=("\${args[@]:0:$#-1}" "\${extra_args[@]}" "\${args[@]: -1}")
exec "\${args[@]}"
`;

describe('AWS_LAMBDA_EXEC_WRAPPER', () => {
  let hearth: Hearth;
  let python: string | null;
  before(async () => {
    hearth = await Hearth.start('--spares', '1');
    const runtimes: { name: string; status: string }[] = JSON.parse((await hearth.cli('runtimes', '--json')).stdout);
    python = runtimes.findLast(({ name, status }) => name.startsWith('python') && status === 'ready')?.name ?? null;
  });
  after(() => hearth.remove());

  const create = (name: string, runtime: string, handler: string, files: Record<string, string>, path = wrapper) =>
    hearth.create(name, runtime, handler, files, { Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: path } } });

  it('exports variables and redirects the handler of a Node function', async () => {
    await create('node', ownNode, 'index.handler', {
      'wrapper.sh': redirecting,
      'index.mjs': 'export const handler = async () => "not this one";',
      'traced.mjs':
        'export const handler = async (event) => [event, process.env.FROM_WRAPPER, process.env.ORIGINAL_HANDLER];',
    });
    const invoked = await hearth.invoke('node', { a: 1 });
    assert.equal(invoked.payload, '[{"a":1},"2","index.handler"]');
    assert.equal((await hearth.invoke('node', 2)).payload, '[2,"2","index.handler"]');
    const logged = await hearth.cli('logs', 'node');
    assert.match(logged.stdout, /wrapper runs in \/var\/task/);
  });

  it('exports variables and redirects the handler of a Python function', async (test) => {
    if (python === null) return test.skip('no Python of a Lambda runtime on this machine');
    await create('python', python, 'app.handler', {
      'wrapper.sh': redirecting,
      'app.py': 'def handler(event, context):\n    return "not this one"\n',
      'traced.py':
        'import os\ndef handler(event, context):\n    return [event, os.environ["FROM_WRAPPER"], os.environ["ORIGINAL_HANDLER"]]\n',
    });
    assert.deepEqual(JSON.parse((await hearth.invoke('python', { a: 1 })).payload), [{ a: 1 }, '2', 'app.handler']);
  });

  it('may close descriptors, or use them for something else, before the runtime', async (test) => {
    const careless = (redirection: string) => `#!/bin/bash\nexec ${redirection}\nexec "$@"\n`;
    const code = 'export const handler = async (event) => { console.log("heard", event); return event; };';
    const node = { 'index.mjs': code };
    await create('closes', ownNode, 'index.handler', { ...node, 'wrapper.sh': careless('3>&- 4>&-') });
    await create('reuses', ownNode, 'index.handler', { ...node, 'wrapper.sh': careless('3>/tmp/file') });
    for (const name of ['closes', 'reuses']) {
      const { payload, log } = await hearth.invoke(name, 5);
      assert.equal(payload, '5');
      assert.match(log, /\tINFO\theard 5\n/);
    }
    if (python === null) return test.skip('no Python of a Lambda runtime on this machine');
    const app = { 'app.py': 'def handler(event, context):\n    print("heard", event)\n    return event\n' };
    await create('pycloses', python, 'app.handler', { ...app, 'wrapper.sh': careless('3>&-') });
    const { payload, log } = await hearth.invoke('pycloses', 5);
    assert.equal(payload, '5');
    assert.match(log, /\nheard 5\n/);
    return undefined;
  });

  it('takes options for the interpreter, as the developer guide shows', async (test) => {
    if (python === null) return test.skip('no Python of a Lambda runtime on this machine');
    await create('timed', python, 'app.handler', {
      'wrapper.sh': inserting,
      'app.py': 'import colorsys\ndef handler(event, context):\n    return "timed"\n',
    });
    assert.equal((await hearth.invoke('timed')).payload, '"timed"');
    assert.match((await hearth.cli('logs', 'timed')).stdout, /import time:.*colorsys/);
  });

  it('fails the init of a function whose wrapper is not there or cannot run, and says why in its log', async () => {
    const files = { 'index.mjs': 'export const handler = async () => 1;', 'notes.txt': 'no program' };
    await create('absent', ownNode, 'index.handler', files, '/var/task/nowhere');
    const absent = await hearth.invoke('absent');
    assert.equal(JSON.parse(absent.payload).errorType, 'Runtime.ExitError');
    assert.match(JSON.parse(absent.payload).errorMessage, /Runtime exited with error: exit status 127$/);
    assert.match(absent.log, /\/var\/task\/nowhere: No such file or directory/);
    await create('unfit', ownNode, 'index.handler', files, '/var/task');
    const unfit = await hearth.invoke('unfit');
    assert.match(JSON.parse(unfit.payload).errorMessage, /Runtime exited with error: exit status 126$/);
    assert.match(unfit.log, /\/var\/task: Permission denied/);
  });
});
