import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { withFolder } from '../../test/contract/folder.js';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { limits } from '../kernel/limits.js';
import { mib } from '../kernel/units.js';
import { validate } from '../wire/lambda/validation.js';
import { CodeStore } from './code/codestore.js';
import { byText, page } from './page.js';
import { changedSettings, newSettings } from './settings.js';
import { caller, codeOf, create, creation, failure, value, within } from './testservice.js';

const settled = (more: object) => newSettings(creation('f', more), 'f', 'x86_64');
const violations = (more: object) => validate('CreateFunction', { ...creation('f', more) });

test('timeout 1 to 900 s, memory 128 to 10,240 MB, /tmp 512 to 10,240 MB; defaults 3, 128, 512', () => {
  const plain = value(settled({}));
  assert.deepEqual([plain.timeoutSeconds, plain.memoryMib, plain.ephemeralMib], [3, 128, 512]);
  for (const more of [
    { Timeout: 1, MemorySize: 128, EphemeralStorage: { Size: 512 } },
    { Timeout: 900, MemorySize: 10_240, EphemeralStorage: { Size: 10_240 } },
  ]) {
    assert.deepEqual(violations(more), []);
    assert.ok(settled(more).ok);
  }
  for (const more of [
    { Timeout: 0 },
    { MemorySize: 127 },
    { EphemeralStorage: { Size: 511 } },
    { EphemeralStorage: { Size: 10_241 } },
  ]) {
    assert.equal(violations(more).length, 1, JSON.stringify(more));
  }
  assert.match(failure(settled({ Timeout: 901 })), /less than or equal to 900/);
  assert.match(failure(settled({ MemorySize: 10_241 })), /less than or equal to 10240/);
});

test('environment variables: 4 KB as JSON, and not one byte more', () => {
  const before = value(settled({}));
  const change = (bytes: number) => {
    const Variables = { A: 'x'.repeat(bytes - '{"A":""}'.length) };
    return changedSettings(before, { FunctionName: 'f', Environment: { Variables } });
  };
  assert.ok(change(4_096).ok);
  assert.match(failure(change(4_097)), /exceeded the 4KB limit/);
});

test('a page has at most 50 items, whatever is asked for', () => {
  const items = Array.from({ length: 120 }, (_, index) => String(1_000 + index));
  const read = (marker?: string, count?: number) => value(page(items, (item) => item, byText, marker, count));
  const first = read(undefined, 10_000);
  assert.deepEqual([first.items.length, first.items[49]], [50, '1049']);
  const second = read(first.nextMarker!);
  assert.deepEqual([second.items.length, second.items[0]], [50, '1050']);
  const last = read(second.nextMarker!);
  assert.deepEqual([last.items.length, last.nextMarker], [20, null]);
});

test('account settings tell the limits: 50 MiB zip, 250 MiB unzipped, 75 GiB in all, 1,000 concurrent', async () =>
  await within(async (service) => {
    await create(service, 'f');
    const { AccountLimit } = value(await service.getAccountSettings(caller, {}));
    assert.deepEqual(AccountLimit, {
      TotalCodeSize: 75 * 1024 * mib,
      CodeSizeUnzipped: 250 * mib,
      CodeSizeZipped: 50 * mib,
      ConcurrentExecutions: 1_000,
      UnreservedConcurrentExecutions: 1_000,
    });
    // What is stored is counted, so the bound can be shown without 75 GiB.
    Object.assign(service, { storedBytes: () => limits.codeStorageBytesPerRegion });
    assert.match(failure(await service.createFunction(caller, creation('g'))), /^CodeStorageExceededException: /);
  })());

test('a zip of more than 50 MiB is too large; 32 zips may wait while two are unpacked', async () =>
  await withFolder(async (folder) => {
    let openGate = () => {};
    const gate = new Promise<void>((resolve) => {
      openGate = resolve;
    });
    /** Keeps every zip that is being stored where it is. */
    class SlowBlob extends EmbeddedBlob {
      override async put(key: string, bytes: Uint8Array): Promise<void> {
        await gate;
        await super.put(key, bytes);
      }
    }
    const blob = new SlowBlob(join(folder, 'blobs'));
    const store = new CodeStore({ blob, clock: new RealClock(), folder: join(folder, 'code'), bootId: 'one' });
    const admit = async (zip: Buffer) => {
      const admitted = await store.admit(zip);
      return admitted.ok ? 'ok' : admitted.failure.code;
    };
    assert.equal(await admit(Buffer.alloc(50 * mib + 1)), 'RequestEntityTooLargeException');
    assert.equal(await admit(Buffer.alloc(50 * mib)), 'InvalidParameterValueException');
    const admitted = Array.from({ length: 35 }, (_, index) => admit(codeOf(String(index))));
    assert.equal(await Promise.race(admitted), 'TooManyRequestsException');
    openGate();
    const outcomes = await Promise.all(admitted);
    assert.equal(outcomes.filter((each) => each === 'ok').length, 34);
    await store.close();
  }));
