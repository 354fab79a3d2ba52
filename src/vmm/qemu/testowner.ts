import { chmodSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QemuVmm } from './qemuvmm.js';
import { loopKernel } from './testkernel.js';

// For leftovers.test.ts: a worker with a running, a frozen and a prepared machine and one under way; says so and waits to be killed.
const [folder = ''] = process.argv.slice(2);
const vmm = await QemuVmm.open({ stateDirectory: join(folder, 'state') });
const shape = { memoryMib: 128, processors: 1, network: true, drives: [{ bytes: 1024 * 1024, readOnly: false }] };
const file = (name: string, bytes: number) => {
  const path = join(folder, name);
  writeFileSync(path, '');
  truncateSync(path, bytes);
  // Monitors have users of their own.
  chmodSync(path, 0o666);
  return path;
};
const boot = (id: string) => {
  const drive = file(`${id}.drive`, 1024 * 1024);
  // It only has to run.
  const kernelPath = join(folder, 'kernel');
  return vmm.boot({ id, shape, drivePaths: [drive], kernelPath, initrdPath: kernelPath, commandLine: '' });
};
writeFileSync(join(folder, 'kernel'), loopKernel());
await boot('running');
(await boot('frozen')).freeze();
await vmm.prepare({
  ...{ id: 'prepared', shape, drivePaths: [file('prepared.drive', 1024 * 1024)] },
  memoryPath: file('memory', shape.memoryMib * 1024 * 1024),
});
boot('underway').catch(() => {});
process.stdout.write('ready\n');
setInterval(() => {}, 60_000);
