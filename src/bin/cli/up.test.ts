import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { test } from 'node:test';
import yargs from 'yargs';
import { sandboxMemoryMib } from '../platformoptions.js';
import { up } from './up.js';

test('without options: 127.0.0.1:4566, isolated, two spares', async () => {
  const builder = up.builder as (command: ReturnType<typeof yargs>) => ReturnType<typeof yargs>;
  const options = await builder(yargs([])).parseAsync();
  assert.deepEqual(
    [options.host, options.port, options.isolation, options.spares, options.demo],
    ['127.0.0.1', 4566, 'namespaces', 2, false],
  );
});

test('three quarters of the machine’s memory are for sandboxes', () => {
  const machineMib = totalmem() / 2 ** 20;
  assert.ok(Math.abs(sandboxMemoryMib() / machineMib - 0.75) < 0.001);
});
