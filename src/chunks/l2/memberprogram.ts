// A member of L2 as a child of another process (`memberprocess.ts`): its settings come as one line on standard input, its
// address goes out as one line; it ends when standard input does.
import { createInterface } from 'node:readline';
import { DiskStripes } from './diskstripes.js';
import { CacheMember } from './member.js';
import { MemoryStripes } from './stripestore.js';

export interface ProgramSettings {
  readonly host: string;
  readonly port: number;
  readonly secretHex: string;
  readonly bytesMax: number;
  readonly folder: string | null;
}

const lines = createInterface({ input: process.stdin });
lines.once('close', () => process.exit(0));
lines.once('line', async (line) => {
  const { host, port, secretHex, bytesMax, folder } = JSON.parse(line) as ProgramSettings;
  const store = folder === null ? new MemoryStripes(bytesMax) : new DiskStripes(folder, bytesMax);
  const member = await CacheMember.listen({ host, port, secret: Buffer.from(secretHex, 'hex'), store });
  process.stdout.write(`${member.url.href}\n`);
});
