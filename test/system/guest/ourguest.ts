import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { frameHeaderBytes, frameType, logKind } from '../../../src/wire/channel/frames.js';
import {
  type Answer,
  bodyOf,
  type Case,
  deadlineMs,
  environment,
  invokedArn,
  type Observed,
  requestId,
  streamedAnswer,
  trace,
} from './observed.js';

function frame(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(frameHeaderBytes);
  head.writeUInt32LE(body.length + 1, 0);
  head[4] = type;
  return Buffer.concat([head, body]);
}

function invokeFrame(index: number, wanted: Case): Buffer {
  const base64 = (text?: string) => (text === undefined ? '' : Buffer.from(text).toString('base64'));
  const lines = [
    requestId(index),
    deadlineMs,
    invokedArn,
    trace,
    base64(wanted.clientContext),
    base64(wanted.identity),
  ];
  const header = Buffer.from(lines.join('\n'));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length, 0);
  return frame(frameType.invoke, Buffer.concat([length, header, Buffer.from(JSON.stringify(wanted.event ?? {}))]));
}

/** Boots our bootstrap as a spare would be, with a variable of its own that no function may see, and runs one case. */
export async function runOurs(
  command: readonly string[],
  runtime: string,
  taskRoot: string,
  wanted: Case,
): Promise<Observed> {
  // Takes streamed responses; the end of the invocation comes over the channel.
  let streamed: Answer | null = null;
  const api = createServer(async (request, response) => {
    const { body, whole } = await bodyOf(request);
    if (!whole) return;
    streamed = streamedAnswer(request, body);
    response.writeHead(202, { 'Content-Type': 'application/json' }).end('{"status":"OK"}');
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const runtimeApi = `127.0.0.1:${(api.address() as AddressInfo).port}`;
  return new Promise<Observed>((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin', SPARE_SECRET: 'of the spare' },
    });
    const channel = child.stdio[3] as Duplex;
    const answers: Answer[] = [];
    const events: string[] = [];
    const invocations = wanted.invocations ?? 2;
    let stdout = '';
    let stderr = '';
    let received = Buffer.alloc(0);
    let sent = 0;
    const next = () => {
      sent += 1;
      if (sent > invocations) channel.end();
      else channel.write(invokeFrame(sent, wanted));
    };
    const answered = (kind: Answer['kind'], body: Buffer) => {
      answers.push({ kind, body: body.toString() });
      if (kind !== 'init-error') next();
    };
    const onFrame = (type: number, body: Buffer) => {
      if (type === frameType.hello) {
        const env = { ...environment(runtime, taskRoot, wanted), AWS_LAMBDA_RUNTIME_API: runtimeApi };
        const init = { env, handler: wanted.handler, taskRoot };
        channel.write(frame(frameType.init, Buffer.from(JSON.stringify(init))));
      } else if (type === frameType.initDone) next();
      else if (type === frameType.response && streamed !== null) {
        answers.push(streamed);
        streamed = null;
        next();
      } else if (type === frameType.response) answered('response', body);
      else if (type === frameType.error || type === frameType.lastError) answered('error', body);
      else if (type === frameType.initError) answered('init-error', body);
      else if (body[0] === logKind.event) events.push(body.toString('utf8', 9));
      else if (body[0] === logKind.stdout) stdout += body.toString('utf8', 9);
      else stderr += body.toString('utf8', 9);
    };
    channel.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= frameHeaderBytes) {
        const end = 4 + received.readUInt32LE(0);
        if (received.length < end) return;
        const [type, body] = [received[4]!, received.subarray(frameHeaderBytes, end)];
        received = received.subarray(end);
        onFrame(type, body);
      }
    });
    // A process that ends resets the stream when an invocation was on its way to it.
    channel.on('error', () => {});
    child.stdout!.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const deadline = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`our runtime did not end; answers ${JSON.stringify(answers)}; stderr ${stderr}`));
    }, 30_000);
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      if (sent <= invocations) answers.push({ kind: 'exit', body: String(code ?? signal) });
      resolve({ answers, events, stdout });
    });
  }).finally(() => {
    api.closeAllConnections();
    api.close();
  });
}
