import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { InvokeWithResponseStreamCommand } from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { Hearth } from './hearth.js';

const official = join(projectRoot, '.cache', 'official');

/** The files below a folder, under a name in the zip. */
function filesOf(folder: string, as: string): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile()) files[`${as}${path.slice(folder.length)}`] = readFileSync(path);
  }
  return files;
}

/** A sandbox of provided.al2023 sees the machine's /usr: an interpreter there needs not be in the zip. */
const inUsr = (program: string) => existsSync(program) && realpathSync(program).startsWith('/usr/');

describe('Lambda’s official runtime clients, unmodified, under provided.al2023', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
  });
  after(() => hearth.remove());

  async function works(name: string): Promise<void> {
    const first = await hearth.invoke(name, { n: 1 });
    assert.equal(first.functionError, undefined, first.payload);
    const arn = `arn:aws:lambda:us-east-1:${hearth.credential.account}:function:${name}`;
    assert.deepEqual(JSON.parse(first.payload), { got: { n: 1 }, count: 1, arn, remaining: true });
    assert.match(first.log, /said 1/);
    assert.equal(JSON.parse((await hearth.invoke(name, { n: 2 })).payload).count, 2);
    const failed = await hearth.invoke(name, { fail: true });
    assert.equal(failed.functionError, 'Unhandled');
    assert.equal(JSON.parse(failed.payload).errorMessage, 'as told');
  }

  async function streamed(name: string, event: unknown): Promise<{ text: string; errorCode: string | undefined }> {
    const Payload = Buffer.from(JSON.stringify(event));
    const answer = await hearth.lambda().send(new InvokeWithResponseStreamCommand({ FunctionName: name, Payload }));
    let text = '';
    let errorCode: string | undefined;
    for await (const { PayloadChunk, InvokeComplete } of answer.EventStream!) {
      if (PayloadChunk) text += Buffer.from(PayloadChunk.Payload!).toString();
      errorCode = InvokeComplete?.ErrorCode;
    }
    return { text, errorCode };
  }

  it('npm aws-lambda-ric', async (test) => {
    const program = ['/usr/bin/node', '/usr/local/bin/node'].find(inUsr);
    if (program === undefined) return test.skip('no Node below /usr, where a sandbox sees it');
    const major = Number(execFileSync(program, ['-p', 'process.versions.node.split(".")[0]'], { encoding: 'utf8' }));
    const modern = major >= 24;
    const client = join(official, modern ? 'node4' : 'node3', 'node_modules', 'aws-lambda-ric');
    if (!existsSync(client)) return test.skip('official client is not installed: node setup/officialclients.mjs');
    const code = modern
      ? filesOf(client, 'node_modules/aws-lambda-ric')
      : {
          ...filesOf(join(client, 'dist'), 'node_modules/aws-lambda-ric/dist'),
          'node_modules/aws-lambda-ric/package.json': readFileSync(join(client, 'package.json')),
        };
    const start = modern ? '/var/task/node_modules/aws-lambda-ric/index.mjs' : '/var/task/start.mjs';
    const files = {
      ...code,
      bootstrap: `#!/bin/sh\nexec ${program} ${start}\n`,
      'start.mjs':
        "import { run } from 'aws-lambda-ric';\nawait run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);\n",
      'app.mjs': `let count = 0;
        export const handler = async (event, context) => {
          if (event.fail) throw new Error('as told');
          count += 1;
          console.log('said', count);
          return { got: event, count, arn: context.invokedFunctionArn, remaining: context.getRemainingTimeInMillis() > 0 };
        };
        export const streams = awslambda.streamifyResponse(async (event, stream) => {
          stream.write('one ');
          if (event.fail) throw new Error('as told');
          stream.end('two');
        });`,
    };
    await hearth.create('official-node', 'provided.al2023', 'app.handler', files);
    await works('official-node');
    await hearth.create('official-node-streams', 'provided.al2023', 'app.streams', files);
    assert.deepEqual(await streamed('official-node-streams', {}), { text: 'one two', errorCode: undefined });
    assert.deepEqual(await streamed('official-node-streams', { fail: true }), { text: 'one ', errorCode: 'Error' });
    assert.equal((await hearth.invoke('official-node-streams')).payload, 'one two');
  });

  it('PyPI awslambdaric', async (test) => {
    const program = '/usr/bin/python3';
    if (!inUsr(program)) return test.skip('no Python below /usr, where a sandbox sees it');
    const version = execFileSync(program, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
      encoding: 'utf8',
    }).trim();
    const client = join(official, `python${version}`);
    if (!existsSync(client)) return test.skip(`no official client for Python ${version}`);
    await hearth.create('official-python', 'provided.al2023', 'app.handler', {
      ...filesOf(client, 'client'),
      bootstrap: `#!/bin/sh\nexport PYTHONPATH=/var/task/client\nexec ${program} -m awslambdaric "$_HANDLER"\n`,
      'app.py': `count = 0
def handler(event, context):
    global count
    if event.get('fail'):
        raise RuntimeError('as told')
    count += 1
    print('said', count)
    return {'got': event, 'count': count, 'arn': context.invoked_function_arn, 'remaining': context.get_remaining_time_in_millis() > 0}
`,
    });
    await works('official-python');
  });
});
