import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type FakeDoor, openFakeDoor } from './fakedoor.js';

const aws = '/usr/bin/aws';
/** Debian's awscli needs a second to start; a minute means that it hangs. */
const deadlineMs = 60_000;

interface Run {
  readonly code: number;
  readonly text: string;
}

function run(door: FakeDoor, secret: string, ...args: string[]): Promise<Run> {
  const key = door.credentials.list()[0];
  assert.ok(key);
  return new Promise((resolve) => {
    execFile(
      aws,
      ['--endpoint-url', door.endpoint, '--region', 'us-east-1', '--output', 'json', ...args],
      {
        timeout: deadlineMs,
        env: {
          PATH: process.env.PATH,
          AWS_ACCESS_KEY_ID: key.accessKeyId,
          AWS_SECRET_ACCESS_KEY: secret || key.secretAccessKey,
          AWS_CONFIG_FILE: '/dev/null',
          AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
          AWS_EC2_METADATA_DISABLED: 'true',
        },
      },
      (error, stdout, stderr) => resolve({ code: error ? 1 : 0, text: stdout + stderr }),
    );
  });
}

function skipped(t: TestContext): boolean {
  if (existsSync(aws)) return false;
  t.skip(`${aws} is not installed`);
  return true;
}

test('AWS CLI: identity, invoke, logs, errors', async (t) => {
  if (skipped(t)) return;
  const door = await openFakeDoor(t);
  const folder = mkdtempSync(join(tmpdir(), 'hearth-awscli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const output = join(folder, 'answer');
  const [me, invoked, groups, wrong, missing] = await Promise.all([
    run(door, '', 'sts', 'get-caller-identity'),
    run(
      door,
      '',
      'lambda',
      'invoke',
      '--function-name',
      'echo',
      '--payload',
      '{"a": "é"}',
      '--cli-binary-format',
      'raw-in-base64-out',
      '--log-type',
      'Tail',
      output,
    ),
    run(door, '', 'logs', 'describe-log-groups'),
    run(door, 'x'.repeat(40), 'sts', 'get-caller-identity'),
    run(door, '', 'lambda', 'get-function', '--function-name', 'missing'),
  ]);
  assert.equal(me.code, 0, me.text);
  assert.equal(JSON.parse(me.text).Account, '123456789012');
  assert.equal(invoked.code, 0, invoked.text);
  assert.equal(readFileSync(output, 'utf8'), '{"a": "é"}');
  assert.match(invoked.text, /"ExecutedVersion": "\$LATEST"/);
  assert.equal(groups.code, 0, groups.text);
  assert.match(
    wrong.text,
    /An error occurred \(SignatureDoesNotMatch\) when calling the GetCallerIdentity operation: The request signature we calculated/,
  );
  assert.match(
    missing.text,
    /An error occurred \(ResourceNotFoundException\) when calling the GetFunction operation: Function not found: missing/,
  );
});
