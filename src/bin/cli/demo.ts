import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LambdaClient, Runtime } from '@aws-sdk/client-lambda';
import colours from 'picocolors';
import yazl from 'yazl';
import { projectRoot } from '../../adapters/projectroot.js';
import { connect, lambdaClient } from './client.js';
import { CommandError, type Terminal } from './terminal.js';

interface Sample {
  readonly name: string;
  readonly runtime: string;
  readonly handler: string;
  readonly file: string;
}

const warmInvocations = 20;

async function zipped(path: string, name: string): Promise<Buffer> {
  const archive = new yazl.ZipFile();
  archive.addBuffer(readFileSync(path), name);
  archive.end();
  const chunks: Buffer[] = [];
  for await (const chunk of archive.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Creates the function, or gives it the sample's code when an earlier demo left it. */
async function deploy(client: LambdaClient, sample: Sample): Promise<void> {
  const sdk = await import('@aws-sdk/client-lambda');
  const [folder, file] = sample.file.split('/') as [string, string];
  const ZipFile = await zipped(join(projectRoot, 'samples', folder, file), file);
  try {
    await client.send(
      new sdk.CreateFunctionCommand({
        FunctionName: sample.name,
        Runtime: sample.runtime as Runtime,
        Handler: sample.handler,
        Role: 'arn:aws:iam::123456789012:role/demo',
        Code: { ZipFile },
      }),
    );
  } catch (error) {
    if (!(error instanceof sdk.ResourceConflictException)) throw error;
    await client.send(new sdk.UpdateFunctionCodeCommand({ FunctionName: sample.name, ZipFile }));
    await sdk.waitUntilFunctionUpdatedV2({ client, maxWaitTime: 30, minDelay: 1 }, { FunctionName: sample.name });
    return;
  }
  await sdk.waitUntilFunctionActiveV2({ client, maxWaitTime: 30, minDelay: 1 }, { FunctionName: sample.name });
}

/** Deploys a Node and a Python sample, invokes both, shows results, REPORT lines, cold and warm latency. */
export async function runDemo(data: string, terminal: Terminal): Promise<void> {
  const { InvokeCommand } = await import('@aws-sdk/client-lambda');
  const { listRuntimes } = await import('../../worker/runtimes/inventory.js');
  const client = await lambdaClient(connect({ data }));
  const ready = (await listRuntimes(data)).filter(({ status }) => status === 'ready').map(({ name }) => name);
  const newest = (prefix: string) => ready.filter((name) => name.startsWith(prefix)).at(-1);
  const [node, python] = [newest('nodejs'), newest('python')];
  const samples: Sample[] = [];
  if (node) samples.push({ name: 'demo-node', runtime: node, handler: 'index.handler', file: 'node/index.mjs' });
  if (python) samples.push({ name: 'demo-python', runtime: python, handler: 'app.handler', file: 'python/app.py' });
  else terminal.note('No Python on this machine: the Python sample is left out.');

  for (const sample of samples) {
    terminal.note(`\n${colours.bold(sample.name)} (${sample.runtime})`);
    await deploy(client, sample);
    const invoke = async () => {
      const startedMs = performance.now();
      const answer = await client.send(
        new InvokeCommand({ FunctionName: sample.name, Payload: '{"name":"you"}', LogType: 'Tail' }),
      );
      return { elapsedMs: performance.now() - startedMs, answer };
    };
    const first = await invoke();
    const payload = Buffer.from(first.answer.Payload ?? []).toString();
    if (first.answer.FunctionError) throw new CommandError(`${sample.name}: ${payload}`);
    const warm: number[] = [];
    for (let count = 0; count < warmInvocations; count += 1) warm.push((await invoke()).elapsedMs);
    warm.sort((a, b) => a - b);
    const log = Buffer.from(first.answer.LogResult ?? '', 'base64').toString();
    const result = {
      function: sample.name,
      payload: JSON.parse(payload) as unknown,
      report: log.split('\n').find((line) => line.startsWith('REPORT')) ?? '',
      coldMs: first.elapsedMs,
      warmMs: warm[warm.length >> 1] ?? 0,
    };
    terminal.result(result, () =>
      [
        `  ${payload}`,
        `  ${colours.dim(result.report.replaceAll('\t', '  '))}`,
        `  cold ${result.coldMs.toFixed(1)} ms, warm ${result.warmMs.toFixed(2)} ms (median of ${warmInvocations}, at the client)`,
      ].join('\n'),
    );
  }
  client.destroy();
}
