import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { iamOperations } from '../../src/iam/operations.js';
import { refusedLogsOperations } from '../../src/observe/logsapi.js';
import { createLogsApi } from '../../src/observe/logsoperations.js';
import { operationNames } from '../../src/wire/lambda/operations.js';
import { compatibilityPage, operationGroups, promises } from './compatibility.js';

/** Names are there without what the operations work on. */
const none = null as never;
const namesOf = (operations: object) => Object.keys(operations).sort();

const page = join(projectRoot, 'docs', 'compatibility.md');

test('every operation of the API is listed, once', () => {
  assert.deepEqual([...promises.keys()].sort(), [...operationNames].sort());
  const listed = operationGroups.reduce((sum, { operations }) => sum + Object.keys(operations).length, 0);
  assert.equal(listed, promises.size);
});

test('docs/compatibility.md is made from the table (npm run docs)', () => {
  const text = compatibilityPage({
    'CloudWatch Logs': namesOf(createLogsApi(none)).filter((name) => !refusedLogsOperations.includes(name)),
    IAM: namesOf(iamOperations(none, none)),
    STS: ['GetCallerIdentity', 'GetAccessKeyInfo'],
  });
  if (process.env.HEARTH_WRITE_DOCS === '1') writeFileSync(page, text);
  assert.equal(existsSync(page) ? readFileSync(page, 'utf8') : '', text);
});
