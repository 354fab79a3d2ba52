import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RealClock } from './clock.js';
import { RealRandom } from './random.js';

describe('real clock and random', () => {
  it('fires once, not early, and not when cancelled', async () => {
    const clock = new RealClock();
    const startMs = clock.monotonicMs();
    let cancelledFired = false;
    clock.after(1, () => {
      cancelledFired = true;
    })();
    const far = clock.after(2 ** 40, () => assert.fail('34 years have passed'));
    await new Promise<void>((resolve) => clock.after(5, resolve));
    assert.ok(clock.monotonicMs() - startMs >= 5);
    far();
    assert.equal(cancelledFired, false);
  });

  it('draws in range, never the same', () => {
    const random = new RealRandom();
    const seen = new Set<string>();
    for (let n = 0; n < 5_000; n++) {
      const fraction = random.fraction();
      assert.ok(fraction >= 0 && fraction < 1);
      seen.add(random.hex(8));
    }
    assert.equal(seen.size, 5_000);
    assert.match(random.hex(3), /^[0-9a-f]{6}$/);
    assert.equal(random.hex(10_000).length, 20_000);
    assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
