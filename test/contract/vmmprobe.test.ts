import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ImageError } from '../../src/image/image.js';
import { bootProbeGuest, probeKvm } from '../../src/vmm/qemu/kvmprobe.js';
import { monitorProgram } from '../../src/vmm/qemu/program.js';
import { DriverError } from '../../src/worker/sandbox/driver.js';
import { withFolder } from './folder.js';
import { cloudKernel } from './vmm/testguest.js';

const kernel = await Promise.all([cloudKernel(), monitorProgram('tcg')]).then(
  ([folder]) => ({ path: join(folder, 'kernel'), problem: undefined }),
  (error: Error) => {
    if (!(error instanceof DriverError) && !(error instanceof ImageError)) throw error;
    return { path: '', problem: error.message };
  },
);

describe('the probe of hardware virtualization', { skip: kernel.problem ?? false, timeout: 120_000 }, () => {
  it('sees a guest that boots', async (context) => {
    // Emulated, and on a busy machine.
    const verdict = await bootProbeGuest('tcg', kernel.path, 100_000);
    context.diagnostic(`emulated: ${verdict.detail}`);
    assert.ok(verdict.usable, verdict.detail);
  });

  it('sees a guest that does not', async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'kernel');
      const slow = await bootProbeGuest('tcg', kernel.path, 100);
      assert.deepEqual(slow, { usable: false, detail: 'a guest kernel did not boot within 0.1 s' });
      writeFileSync(path, 'not a kernel'.repeat(1000));
      const verdict = await bootProbeGuest('tcg', path);
      assert.equal(verdict.usable, false);
      assert.ok(verdict.detail.length > 0 && !verdict.detail.includes('\n'));
    });
  });

  it('decides for this machine, once', async (context) => {
    await withFolder(async (cacheDirectory) => {
      const request = { kernelPath: kernel.path, cacheDirectory };
      const verdict = await probeKvm(request);
      context.diagnostic(`KVM here: ${verdict.usable ? 'usable' : 'not usable'}: ${verdict.detail}`);
      assert.match(verdict.detail, /\w/);
      if (!existsSync('/dev/kvm')) return assert.equal(verdict.usable, false);
      const [file] = readdirSync(cacheDirectory);
      if (file === undefined) return assert.match(verdict.detail, /opened/);
      assert.deepEqual(await probeKvm(request), verdict);
      writeFileSync(join(cacheDirectory, file), '{"usable": "maybe"');
      assert.equal((await probeKvm(request)).usable, verdict.usable);
      const other = join(cacheDirectory, 'other');
      writeFileSync(other, 'not a kernel');
      assert.equal((await probeKvm({ ...request, kernelPath: other })).usable, false);
    });
  });
});
