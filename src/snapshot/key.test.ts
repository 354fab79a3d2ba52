import assert from 'node:assert/strict';
import test from 'node:test';
import type { MachineShape } from '../vmm/vmm.js';
import { functionBasis, osKey, runtimeKey, type SnapshotBasis } from './key.js';

const shape: MachineShape = {
  memoryMib: 1_152,
  processors: 1,
  drives: [{ bytes: 4_096, readOnly: true }],
  network: true,
};
const basis: SnapshotBasis = { imageId: 'image', identity: 'qemu 7.2; tcg', shape };
const runtime = { imageId: 'runtime', command: ['/bin/node', 'a b'], environment: { A: '1', B: '2' } };

test('a layer has another key when anything that its restore depends on is different', () => {
  const keys = [
    osKey(basis),
    osKey({ ...basis, imageId: 'other' }),
    osKey({ ...basis, identity: 'qemu 8.0; tcg' }),
    osKey({ ...basis, shape: { ...shape, memoryMib: 2_304 } }),
    osKey({ ...basis, shape: { ...shape, processors: 2 } }),
    osKey({ ...basis, shape: { ...shape, drives: [{ bytes: 8_192, readOnly: true }] } }),
    osKey({ ...basis, shape: { ...shape, drives: [{ bytes: 4_096, readOnly: false }] } }),
    osKey({ ...basis, shape: { ...shape, network: false } }),
  ];
  assert.equal(new Set(keys).size, keys.length);
  const os = keys[0]!;
  const runtimes = [
    runtimeKey(os, runtime),
    runtimeKey(keys[1]!, runtime),
    runtimeKey(os, { ...runtime, imageId: 'other' }),
    runtimeKey(os, { ...runtime, command: ['/bin/node', 'a', 'b'] }),
    runtimeKey(os, { ...runtime, environment: { A: '1' } }),
  ];
  assert.equal(new Set(runtimes).size, runtimes.length);
  const functions = [functionBasis(os, null), functionBasis(os, 'runtime'), functionBasis(keys[1]!, 'runtime')];
  assert.equal(new Set(functions).size, functions.length);
});

test('the order in which variables were written down makes no difference', () => {
  const os = osKey(basis);
  assert.equal(runtimeKey(os, runtime), runtimeKey(os, { ...runtime, environment: { B: '2', A: '1' } }));
});
