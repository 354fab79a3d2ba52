import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../adapters/projectroot.js';
import { runtimeNames } from '../wire/functionspec.js';
import { newSettings } from './settings.js';

/** All names of the service, from our own table, which a test compares with the service's model. */
const source = readFileSync(join(projectRoot, 'src', 'wire', 'lambda', 'functionconfiguration.ts'), 'utf8');
const list = /export const Runtime = enumeration\(\[([^\]]*)\]/.exec(source)?.[1] ?? '';
const known = [...list.matchAll(/'([^']+)'/g)].map(([, name]) => name!);

function refusalOf(Runtime: string): string | null {
  const Role = 'arn:aws:iam::123456789012:role/test';
  const made = newSettings({ FunctionName: 'f', Runtime, Role, Handler: 'a.b', Code: {} } as never, 'f', 'x86_64');
  if (made.ok) return null;
  assert.equal(made.failure.code, 'InvalidParameterValueException');
  return made.failure.message;
}

test('a runtime is taken, not here, or no longer supported, and says which', () => {
  assert.ok(known.length > 40);
  for (const name of runtimeNames) assert.ok(known.includes(name), `the service knows no ${name}`);
  const elsewhere: string[] = [];
  const outdated: string[] = [];
  for (const name of known) {
    const refusal = refusalOf(name);
    assert.equal(refusal === null, (runtimeNames as readonly string[]).includes(name), name);
    if (refusal?.startsWith(`The runtime ${name} is not available in this version of Hearth. It has nodejs20.x,`)) {
      elsewhere.push(name);
    } else if (refusal !== null) {
      outdated.push(name);
      assert.equal(
        refusal,
        `The runtime parameter of ${name} is no longer supported for creating or updating AWS Lambda functions. ` +
          'We recommend you use a supported runtime while creating or updating functions.',
      );
    }
  }
  assert.deepEqual(elsewhere.sort(), [
    ...['dotnet10', 'dotnet8', 'java11.al2023', 'java17.al2023', 'java8.al2023', 'nodejs26.x', 'python3.15'],
  ]);
  for (const name of ['nodejs18.x', 'python3.8', 'ruby2.7', 'java8', 'go1.x', 'provided', 'dotnet6']) {
    assert.ok(outdated.includes(name), name);
  }
});
