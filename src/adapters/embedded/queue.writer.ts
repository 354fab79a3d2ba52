/** Child of `queue.test.ts`: publishes until the disk takes no more, and says which ids it was given and why it ended. */
import { LmdbEnvironment } from './environment.js';
import { EmbeddedQueue } from './queue.js';

const environment = new LmdbEnvironment(process.argv[2]!);
const queue = new EmbeddedQueue(environment, 'q');
const ids: string[] = [];
let failure = '';
while (failure === '' && ids.length < 1_000) {
  try {
    ids.push(await queue.publish({ body: ids.length, payload: Buffer.alloc(20_000), nowMs: 0 }));
  } catch (error) {
    failure = (error as Error).message;
  }
}
// Bounds count what is stored: it takes no more than it did.
if ((await queue.depth()) !== ids.length) failure = 'the depth is wrong';
process.stdout.write(JSON.stringify({ ids, failure }));
process.exit(0);
