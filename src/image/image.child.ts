import { readFileSync } from 'node:fs';
import { runtimeImage } from './runtimeimage.js';

// For image.test.ts: makes a runtime's image in another process. Arguments: folder, file with the mounts.
const [directory, mounts] = process.argv.slice(2);
process.stdout.write('started\n');
const image = await runtimeImage({ name: 'test', mounts: JSON.parse(readFileSync(mounts!, 'utf8')) }, directory);
process.stdout.write(`${image.id}\n`);
