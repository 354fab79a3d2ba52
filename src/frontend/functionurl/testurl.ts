import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { TestContext } from 'node:test';
import type { UrlTarget } from '../../config/urls/messages.js';
import type { AccountId, Region } from '../../kernel/ids.js';
import type { Invocation, InvocationOutcome } from '../../wire/invocation.js';
import type { ResponseSink } from '../../wire/responsesink.js';
import { type FakeDoor, openFakeDoor } from '../fakedoor.js';

export const urlId = '0123456789abcdefghijklmnopqrstuv';
export const host = `${urlId}.lambda-url.eu-west-2.localhost`;

export function target(more: Partial<UrlTarget['record']> = {}): UrlTarget {
  return {
    account: '123456789012' as AccountId,
    region: 'eu-west-2' as Region,
    functionName: 'hello',
    qualifier: null,
    record: {
      id: urlId,
      qualifier: '$LATEST',
      authType: 'NONE',
      cors: null,
      invokeMode: null,
      createdMs: 0,
      modifiedMs: 0,
      ...more,
    },
  };
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The connection ended before the answer did. */
  readonly cut: boolean;
}

export function ask(door: FakeDoor, asked: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', path = '/', headers = {}, body } = asked;
    const req = httpRequest({ port: door.port, method, path, headers: { host, ...headers }, agent: false });
    req.on('error', reject);
    req.on('response', (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', () => {});
      res.on('close', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: res.statusCode ?? 0, headers: res.headers, text, cut: !res.complete });
      });
    });
    req.end(body);
  });
}

export async function opened(t: TestContext, more: Partial<UrlTarget['record']> = {}): Promise<FakeDoor> {
  const door = await openFakeDoor(t);
  door.url = target(more);
  return door;
}

/** The function answers this. */
export function answering(door: FakeDoor, result: unknown): void {
  door.outcome = (_, done) =>
    done({ kind: 'success', payload: Buffer.from(JSON.stringify(result)), logTail: null } as const);
}

/** The function streams. */
export function streaming(
  door: FakeDoor,
  work: (sink: ResponseSink, done: (outcome: InvocationOutcome) => void) => void | Promise<void>,
): void {
  door.outcome = (invocation: Invocation, done) => {
    assert.ok(invocation.stream, 'the URL streams');
    void work(invocation.stream, done);
  };
}

export const success: InvocationOutcome = { kind: 'success', payload: Buffer.alloc(0), logTail: null };
export const failed: InvocationOutcome = {
  kind: 'function-error',
  functionError: 'Unhandled',
  errorType: 'Error',
  payload: Buffer.from('{"errorType":"Error"}'),
  logTail: null,
};
export const preludeType = 'application/vnd.awslambda.http-integration-response';
export const prelude = (head: object) => Buffer.concat([Buffer.from(JSON.stringify(head)), Buffer.alloc(8)]);
