import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { mib } from '../../../src/kernel/units.js';
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

const version = '/2018-06-01/runtime';
// u32 type, u32 length, u64 microseconds; big-endian
const telemetryHeaderBytes = 16;

/** Descriptor on which the official clients write framed log events when `_LAMBDA_TELEMETRY_LOG_FD` names it. */
const telemetryDescriptor = 3;

function readTelemetry(stream: Readable, onEvent: (text: string) => void): void {
  let received = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= telemetryHeaderBytes) {
      const end = telemetryHeaderBytes + received.readUInt32BE(4);
      if (received.length < end) return;
      onEvent(received.toString('utf8', telemetryHeaderBytes, end).replace(/\n$/, ''));
      received = received.subarray(end);
    }
  });
}

/** Runs one case with an official runtime client against a Runtime API of its own. */
export async function runOfficial(
  command: readonly string[],
  runtime: string,
  taskRoot: string,
  wanted: Case,
  more: Readonly<Record<string, string>> = {},
): Promise<Observed> {
  const answers: Answer[] = [];
  const events: string[] = [];
  const invocations = wanted.invocations ?? 2;
  let sent = 0;
  let finished = false;
  let stdout = '';
  let stderr = '';

  // The Python client sends a whole trace as a header of up to 1 MiB.
  const server = createServer({ maxHeaderSize: 2 * mib }, (request, response) => void serve(request, response));
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (path === `${version}/invocation/next`) {
      sent += 1;
      if (sent > invocations) {
        // The client of Node 24 asks for the next one before it has sent an error inside a stream.
        finished = true;
        if (answers.length >= invocations) child.kill('SIGKILL');
        return;
      }
      response.writeHead(200, {
        'Content-Type': 'application/json',
        'Lambda-Runtime-Aws-Request-Id': requestId(sent),
        'Lambda-Runtime-Deadline-Ms': String(deadlineMs),
        'Lambda-Runtime-Invoked-Function-Arn': invokedArn,
        'Lambda-Runtime-Trace-Id': trace,
        ...(wanted.clientContext !== undefined && { 'Lambda-Runtime-Client-Context': wanted.clientContext }),
        ...(wanted.identity !== undefined && { 'Lambda-Runtime-Cognito-Identity': wanted.identity }),
      });
      response.end(JSON.stringify(wanted.event ?? {}));
      return;
    }
    const { body, whole } = await bodyOf(request);
    // Whether a cut one is seen before or after the end of its process is nobody's choice.
    if (!whole) return;
    const streamed = streamedAnswer(request, body);
    if (path === `${version}/init/error`) answers.push({ kind: 'init-error', body });
    else if (streamed !== null) answers.push(streamed);
    else if (path.endsWith('/response')) answers.push({ kind: 'response', body });
    else if (path.endsWith('/error')) answers.push({ kind: 'error', body });
    if (finished && answers.length >= invocations) child.kill('SIGKILL');
    response.writeHead(202, { 'Content-Type': 'application/json' }).end('{"status":"OK"}');
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const child = spawn(command[0]!, command.slice(1), {
    cwd: taskRoot,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: {
      ...environment(runtime, taskRoot, wanted),
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
      _LAMBDA_TELEMETRY_LOG_FD: String(telemetryDescriptor),
      ...more,
    },
  });
  readTelemetry(child.stdio[telemetryDescriptor] as Readable, (text) => events.push(text));
  child.stdout!.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const deadline = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const code = await new Promise<string>((resolve) =>
    child.on('close', (exit, signal) => resolve(String(exit ?? signal))),
  );
  clearTimeout(deadline);
  server.closeAllConnections();
  server.close();
  if (sent <= invocations) {
    if (code === 'SIGKILL') throw new Error(`the official client did not end; stderr ${stderr}`);
    answers.push({ kind: 'exit', body: code });
  }
  return { answers, events, stdout };
}
