import { SparseFsClient } from './client.js';

// For client.test.ts: an owner that says its server's process id and waits to be killed.
const [, , directory, program] = process.argv;
const fs = await SparseFsClient.open({ directory: directory!, program: program!, composition: {} });
process.stdout.write(`${fs.pid}\n`);
setInterval(() => {}, 60_000);
