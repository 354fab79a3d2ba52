import assert from 'node:assert/strict';
import { eventually, type Hearth } from '../system/hearth.js';

export async function result(hearth: Hearth, name: string, payload: unknown): Promise<unknown> {
  const invoked = await hearth.invoke(name, payload);
  assert.equal(invoked.functionError, undefined, `${invoked.payload}\n${invoked.log}`);
  return JSON.parse(invoked.payload);
}

export async function failure(hearth: Hearth, name: string, payload: unknown): Promise<Record<string, unknown>> {
  const invoked = await hearth.invoke(name, payload);
  assert.equal(invoked.functionError, 'Unhandled', invoked.payload);
  return JSON.parse(invoked.payload) as Record<string, unknown>;
}

export function arnOf(hearth: Hearth, name: string): string {
  return `arn:aws:lambda:us-east-1:${hearth.credential.account}:function:${name}`;
}

/** Waits until the function's log has what a test looks for. */
export function logged(hearth: Hearth, name: string, pattern: RegExp): Promise<string> {
  return eventually(async () => {
    const { stdout } = await hearth.cli('logs', name);
    return pattern.test(stdout) && stdout;
  }, `${pattern} in the log of ${name}`);
}
