// Collects on a directory and is killed after its STEPSth change of the store: `kill.child.js FOLDER STEPS NOW`.
import { writeSync } from 'node:fs';
import { EmbeddedBlob } from '../../adapters/embedded/blob.js';
import { collectorOn, TestClock } from './testworld.js';

const [folder = '', steps = '0', now = '0'] = process.argv.slice(2);

/** Dies right after a change that is durable: the next step is never begun. */
class MortalBlob extends EmbeddedBlob {
  #left = Number(steps);

  override async put(key: string, bytes: Uint8Array): Promise<void> {
    await super.put(key, bytes);
    this.#step();
  }

  override async delete(key: string): Promise<void> {
    await super.delete(key);
    this.#step();
  }

  #step(): void {
    this.#left -= 1;
    if (this.#left === 0) process.kill(process.pid, 'SIGKILL');
  }
}

const clock = new TestClock();
clock.now = Number(now);
const report = await (await collectorOn(new MortalBlob(folder), clock)).collect();
writeSync(1, JSON.stringify(report));
