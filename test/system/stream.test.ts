import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamCommandInput,
  PublishVersionCommand,
} from '@aws-sdk/client-lambda';
import { EventStreamCodec } from '@smithy/core/event-streams';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { limits } from '../../src/kernel/limits.js';
import { mib } from '../../src/kernel/units.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { sign, signedFetch } from './signedfetch.js';

const code = { 'index.mjs': readFileSync(join(projectRoot, 'test', 'system', 'fixtures', 'streaming.mjs')) };

interface Streamed {
  readonly chunks: readonly string[];
  readonly text: string;
  readonly complete: { readonly ErrorCode?: string; readonly ErrorDetails?: string; readonly LogResult?: string };
  readonly executedVersion: string | undefined;
  readonly requestId: string;
}

describe('InvokeWithResponseStream', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '1');
    for (const name of ['echo', 'flood', 'fails', 'http', 'worksOn', 'buffered']) {
      await hearth.create(name, ownNode, `index.${name}`, code, { Timeout: name === 'fails' ? 2 : 60 });
    }
  });
  after(() => hearth.remove());

  async function stream(
    name: string,
    event: unknown = {},
    more: Partial<InvokeWithResponseStreamCommandInput> = {},
  ): Promise<Streamed> {
    const command = new InvokeWithResponseStreamCommand({
      FunctionName: name,
      Payload: Buffer.from(JSON.stringify(event)),
      ...more,
    });
    const answer = await hearth.lambda().send(command);
    assert.equal(answer.StatusCode, 200);
    assert.equal(answer.ResponseStreamContentType, 'application/vnd.amazon.eventstream');
    const chunks: string[] = [];
    let complete: Streamed['complete'] | null = null;
    for await (const event of answer.EventStream!) {
      assert.equal(complete, null, 'InvokeComplete is the last event');
      if (event.PayloadChunk) chunks.push(Buffer.from(event.PayloadChunk.Payload!).toString());
      else complete = event.InvokeComplete as Streamed['complete'];
    }
    assert.ok(complete !== null, 'InvokeComplete comes always');
    const { ExecutedVersion, $metadata } = answer;
    return {
      chunks,
      text: chunks.join(''),
      complete,
      executedVersion: ExecutedVersion,
      requestId: $metadata.requestId!,
    };
  }

  async function log(name: string, requestId: string): Promise<string> {
    const answer = await hearth.logs().send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}` }));
    const lines = (answer.events ?? []).map(({ message }) => message ?? '');
    const from = lines.findIndex((line) => line.startsWith(`START RequestId: ${requestId}`));
    return from < 0 ? '' : lines.slice(from).join('\n');
  }

  /** The raw answer, of which nothing is read until told. */
  async function openRaw(name: string, event: unknown): Promise<{ answer: IncomingMessage; cut: () => void }> {
    const path = `/2021-11-15/functions/${name}/response-streaming-invocations`;
    const { url, init } = await sign(hearth, { method: 'POST', path, body: JSON.stringify(event) });
    const sent = request(url, { method: 'POST', headers: init.headers });
    sent.end(init.body);
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      sent.on('response', resolve).on('error', reject),
    );
    answer.on('error', () => {});
    return { answer, cut: () => sent.destroy() };
  }

  it('streams what a handler writes, then says that it is complete', async () => {
    const { text, complete, executedVersion, requestId } = await stream('echo', { a: 'ü' });
    assert.equal(text, 'one {"a":"ü"}');
    assert.deepEqual({ ...complete }, {});
    assert.equal(executedVersion, '$LATEST');
    const ended = new RegExp(`END RequestId: ${requestId}\\s+REPORT RequestId`);
    await eventually(async () => ended.test(await log('echo', requestId)), 'END and REPORT');
  });

  it('serves a version, and gives the end of the log when asked', async () => {
    await hearth.lambda().send(new PublishVersionCommand({ FunctionName: 'echo' }));
    const version = async () => await stream('echo', 1, { Qualifier: '1', LogType: 'Tail' }).catch(() => null);
    const { executedVersion, complete, requestId } = await eventually(version, 'version 1 to run');
    assert.equal(executedVersion, '1');
    const tail = Buffer.from(complete.LogResult ?? '', 'base64').toString();
    assert.match(tail, new RegExp(`^START RequestId: ${requestId} Version: 1\n`));
    assert.match(tail, new RegExp(`streams ${requestId}`));
    assert.match(tail, /\nREPORT RequestId/);
  });

  it('a slow reader slows the handler: the first bytes are there while it still writes', async () => {
    const { answer } = await openRaw('flood', { mib: 150 });
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['content-type'], 'application/vnd.amazon.eventstream');
    assert.equal(answer.headers['x-amz-executed-version'], '$LATEST');
    const requestId = String(answer.headers['x-amzn-requestid']);
    // A worker that buffered would take it all, and the handler would never have to wait.
    await eventually(
      async () => /blocked at/.test(await log('flood', requestId)),
      'the handler to wait for its reader',
    );
    const sofar = await log('flood', requestId);
    assert.doesNotMatch(sofar, /REPORT|wrote it all/);
    const reader = new Frames();
    for await (const chunk of answer) reader.push(chunk as Buffer);
    assert.equal(reader.first?.toString().slice(0, 5), 'first');
    assert.equal(reader.payloadBytes, 150 * mib + 5);
    assert.deepEqual(reader.complete, {});
    assert.match(await log('flood', requestId), /wrote it all/);
  });

  it('the client leaves: the function runs on to its end', async () => {
    const { answer, cut } = await openRaw('flood', { mib: 150 });
    const requestId = String(answer.headers['x-amzn-requestid']);
    await eventually(
      async () => /blocked at/.test(await log('flood', requestId)),
      'the handler to wait for its reader',
    );
    cut();
    await eventually(
      async () => /wrote it all[\s\S]*REPORT/.test(await log('flood', requestId)),
      'the function to end',
    );
  });

  it('more than 200 MiB: cut there, and an error in the end', async () => {
    const { answer } = await openRaw('flood', { mib: 201 });
    const reader = new Frames();
    for await (const chunk of answer) reader.push(chunk as Buffer);
    assert.ok(reader.payloadBytes > 199 * mib && reader.payloadBytes <= limits.streamedResponseBytesMax);
    assert.equal(reader.complete?.ErrorCode, 'Function.ResponseSizeTooLarge');
    assert.match(reader.complete?.ErrorDetails ?? '', /209715200 bytes/);
  });

  it('errors before and behind the first byte come with InvokeComplete', async () => {
    for (const first of [false, true]) {
      const { text, complete } = await stream('fails', { first }, { LogType: 'Tail' });
      assert.equal(text, first ? 'part' : '');
      assert.equal(complete.ErrorCode, 'RangeError');
      const { errorType, errorMessage, trace } = JSON.parse(complete.ErrorDetails ?? '');
      assert.deepEqual(
        { errorType, errorMessage, at: trace[0] },
        {
          errorType: 'RangeError',
          errorMessage: 'as told',
          at: 'RangeError: as told',
        },
      );
      assert.match(Buffer.from(complete.LogResult ?? '', 'base64').toString(), /Invoke Error/);
    }
    // The sandbox serves on.
    assert.equal((await stream('fails', { first: true })).text, 'part');
  });

  it('a timeout, an exit and a destroyed stream end the stream with their error', async () => {
    const hang = await stream('fails', { first: true, how: 'hang' });
    assert.equal(hang.text, 'part');
    assert.equal(hang.complete.ErrorCode, 'Sandbox.Timedout');
    assert.match(hang.complete.ErrorDetails ?? '', /Task timed out after 2\.00 seconds/);
    const exit = await stream('fails', { first: true, how: 'exit' });
    assert.equal(exit.text, 'part');
    assert.equal(exit.complete.ErrorCode, 'Runtime.TruncatedResponse');
    assert.match(exit.complete.ErrorDetails ?? '', /Runtime exited with error: exit status 3/);
    assert.match(await log('fails', exit.requestId), /Runtime exited with error: exit status 3/);
    const early = await stream('fails', { how: 'exit' });
    assert.equal(early.complete.ErrorCode, 'Runtime.ExitError');
    const destroyed = await stream('fails', { first: true, how: 'destroy' });
    // Up to Node 22 the client's own report comes before the process ends; since then, only its end.
    const isModern = ownNode > 'nodejs22.x';
    const code = isModern ? 'Runtime.TruncatedResponse' : 'Runtime.UnhandledPromiseRejection';
    assert.equal(destroyed.complete.ErrorCode, code);
    // The process that failed ends only now: what reaches it before fails with it.
    const again = async () => (await stream('fails', { first: true })).complete.ErrorCode === 'RangeError';
    await eventually(again, 'the sandbox to serve on');
  });

  it('passes an HTTP prelude on as it is', async () => {
    const { text } = await stream('http');
    assert.equal(text, `{"statusCode":201,"headers":{"x-a":"b"}}${'\0'.repeat(8)}body`);
  });

  it('ends with the stream, not with the handler, unless the log is wanted', async () => {
    const { text, requestId } = await stream('worksOn', { ms: 1_500 });
    assert.equal(text, 'whole');
    assert.doesNotMatch(await log('worksOn', requestId), /worked on|REPORT/);
    await eventually(async () => /worked on[\s\S]*REPORT/.test(await log('worksOn', requestId)), 'the handler to end');
    const { complete } = await stream('worksOn', { ms: 1 }, { LogType: 'Tail' });
    assert.match(Buffer.from(complete.LogResult ?? '', 'base64').toString(), /worked on[\s\S]*REPORT/);
  });

  it('streams the whole result of a handler that does not stream', async () => {
    assert.equal((await stream('buffered', { a: 1 })).text, '{"a":1}');
    const large = await stream('buffered', { bytes: 6_000_000 });
    assert.equal(large.text.length, 6_000_002);
    assert.ok(large.chunks.length > 1);
    const tooLarge = await stream('buffered', { bytes: limits.syncResponseBytesMax });
    assert.equal(tooLarge.complete.ErrorCode, 'Function.ResponseSizeTooLarge');
    const failed = await stream('buffered', { fail: true });
    assert.equal(failed.text, '');
    assert.equal(failed.complete.ErrorCode, 'Error');
    assert.equal(JSON.parse(failed.complete.ErrorDetails ?? '').errorMessage, 'buffered');
  });

  it('a plain Invoke of a streaming handler gets the response whole, up to its own limit', async () => {
    assert.equal((await hearth.invoke('echo', { a: 1 })).payload, 'one {"a":1}');
    const failed = await hearth.invoke('fails', { first: true });
    assert.equal(failed.functionError, 'Unhandled');
    assert.equal(JSON.parse(failed.payload).errorMessage, 'as told');
    const whole = await hearth.invoke('flood', { mib: 5 });
    assert.equal(whole.payload.length, 5 * mib + 5);
    const large = await hearth.invoke('flood', { mib: 40 });
    assert.equal(large.functionError, 'Unhandled');
    assert.equal(JSON.parse(large.payload).errorType, 'Function.ResponseSizeTooLarge');
  });

  it('what is wrong with a request is an ordinary error', async () => {
    const path = (name: string) => `/2021-11-15/functions/${name}/response-streaming-invocations`;
    const gone = await signedFetch(hearth, { method: 'POST', path: path('nobody'), body: '{}' });
    assert.deepEqual([gone.status, gone.errorType], [404, 'ResourceNotFoundException']);
    const bad = await signedFetch(hearth, { method: 'POST', path: path('echo'), body: '{' });
    assert.deepEqual([bad.status, bad.errorType], [400, 'InvalidRequestContentException']);
    const type = (value: string) =>
      signedFetch(hearth, {
        method: 'POST',
        path: path('echo'),
        headers: { 'x-amz-invocation-type': value },
        body: '{}',
      });
    const event = await type('Event');
    assert.deepEqual([event.status, event.errorType], [400, 'ValidationException']);
    assert.match(event.text, /\[RequestResponse, DryRun\]/);
    assert.equal((await type('DryRun')).status, 204);
  });

  it('a custom runtime streams over the Runtime API, and tells of errors in trailers', async () => {
    await hearth.create('custom', 'provided.al2023', 'none', {
      bootstrap: readFileSync(join(projectRoot, 'test', 'system', 'fixtures', 'bootstraps', 'streaming.py')),
    });
    const good = await stream('custom', {}, { LogType: 'Tail' });
    assert.equal(good.text, 'one two three');
    assert.equal(good.complete.ErrorCode, undefined);
    const failed = await stream('custom', { fail: true });
    assert.equal(failed.text, 'one two three');
    assert.equal(failed.complete.ErrorCode, 'Custom.Failure');
    assert.equal(JSON.parse(failed.complete.ErrorDetails ?? '').errorMessage, 'as told');
    await eventually(async () => /answer HTTP\/1.1 202/.test(await log('custom', failed.requestId)), 'the 202');
    const cut = await stream('custom', { cut: true });
    assert.equal(cut.text, 'one two ');
    assert.equal(cut.complete.ErrorCode, 'Runtime.TruncatedResponse');
    // The client takes a stream, so the response is one whatever its runtime calls it (Go's client does not name a mode).
    const unnamed = await stream('custom', { mode: 'buffered', fail: true });
    assert.equal(unnamed.text, 'one two three');
    assert.equal(unnamed.complete.ErrorCode, 'Custom.Failure');
    assert.equal((await hearth.invoke('custom')).payload, 'one two three');
  });
});

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString(),
  (text) => Buffer.from(text),
);

/** Counts a stream's payload without keeping it. */
class Frames {
  payloadBytes = 0;
  first: Buffer | null = null;
  complete: Streamed['complete'] | null = null;
  #pieces: Buffer[] = [];
  #bytes = 0;

  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    const head = this.#pieces[0]!;
    if (head.length >= 4 && this.#bytes < head.readUInt32BE(0)) return;
    let rest = Buffer.concat(this.#pieces);
    while (rest.length >= 4 && rest.length >= rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0);
      this.#take(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
  }

  #take(message: Buffer): void {
    const { headers, body } = codec.decode(message);
    if (headers[':event-type']?.value === 'InvokeComplete') this.complete = JSON.parse(Buffer.from(body).toString());
    else {
      this.first ??= Buffer.from(body);
      this.payloadBytes += body.length;
    }
  }
}
