import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionSpec } from '../wire/functionspec.js';

import { RuntimeUnavailable } from '../worker/runtimes/description.js';
import type { RuntimeLaunch } from '../worker/sandbox/driver.js';
import { startDiagnosis } from './startdiagnosis.js';

const spec = { runtime: 'nodejs20.x', codeSha256Hex: 'aa' } as unknown as FunctionSpec;
const there = async (): Promise<RuntimeLaunch> => ({}) as RuntimeLaunch;

test('a runtime that is gone, code that is gone, or neither', async () => {
  const gone = { launch: () => Promise.reject(new RuntimeUnavailable('runtime nodejs20.x is not on this machine')) };
  const noRuntime = await startDiagnosis(gone, { codeFolder: async () => '/code' })(spec);
  assert.deepEqual(
    [noRuntime?.code, noRuntime?.message],
    [
      'InvalidRuntimeException',
      'The runtime or runtime version specified is not supported: runtime nodejs20.x is not on this machine',
    ],
  );
  const lost = { codeFolder: () => Promise.reject(new Error('gone')) };
  assert.equal((await startDiagnosis({ launch: there }, lost)(spec))?.code, 'InvalidZipFileException');
  assert.equal(await startDiagnosis({ launch: there }, { codeFolder: async () => '/code' })(spec), null);
  const otherwise = { launch: () => Promise.reject(new Error('out of memory')) };
  assert.equal(await startDiagnosis(otherwise, { codeFolder: async () => '/code' })(spec), null);
});
