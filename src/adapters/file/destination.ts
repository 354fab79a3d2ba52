import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DeliveryEnd, Destination, DestinationMessage } from '../../kernel/ports/destinations.js';
import { kib, mib } from '../../kernel/units.js';

/** Beyond this a file becomes the old one, and the one that was the old one goes. Ours. */
export const fileBytesMax = 64 * mib;

const arnPattern = /^arn:aws[a-z-]*:hearth:([a-z0-9-]+):(\d{12}):file\/([A-Za-z0-9_-]{1,64})$/;
/** The end of a torn line is looked for in steps of this size. */
const stepBytes = 64 * kib;

interface Waiting {
  readonly line: Buffer;
  readonly end: (end: DeliveryEnd) => void;
}

/**
 * A file with a JSON text on each line, ours: `arn:aws:hearth:REGION:ACCOUNT:file/NAME` is
 * `FOLDER/ACCOUNT/REGION/NAME.ndjson`; before it came `NAME.old.ndjson`. A line is delivered once it is on disk.
 */
export class FileDestination implements Destination {
  readonly #folder: string;
  readonly #bytesMax: number;
  /** Lines that wait for the disk, by file: those that come while it writes share the next write. */
  readonly #waiting = new Map<string, Waiting[]>();
  /** Files whose end this process has looked at. */
  readonly #whole = new Set<string>();

  constructor(folder: string, bytesMax = fileBytesMax) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
  }

  accepts(arn: string): boolean {
    return arnPattern.test(arn);
  }

  async deliver(message: DestinationMessage): Promise<DeliveryEnd> {
    const [, region = '', account = '', name = ''] = arnPattern.exec(message.arn) ?? [];
    // Another account's folder is none of this function's business.
    if (message.origin.functionArn.split(':')[4] !== account) {
      return { kind: 'failed', again: false, reason: 'the file belongs to another account' };
    }
    const path = join(this.#folder, account, region, `${name}.ndjson`);
    return await new Promise((end) => {
      const one = { line: lineOf(message), end };
      const waiting = this.#waiting.get(path);
      if (waiting !== undefined) waiting.push(one);
      else {
        const first = [one];
        this.#waiting.set(path, first);
        void this.#write(path, first);
      }
    });
  }

  async #write(path: string, waiting: Waiting[]): Promise<void> {
    while (waiting.length > 0) {
      let count = 0;
      let bytes = 0;
      // As many as fit into one file, but one in any case.
      do bytes += waiting[count++]!.line.byteLength;
      while (count < waiting.length && bytes + waiting[count]!.line.byteLength <= this.#bytesMax);
      const taken = waiting.splice(0, count);
      const end = await this.#append(path, Buffer.concat(taken.map(({ line }) => line))).then(
        (): DeliveryEnd => ({ kind: 'delivered' }),
        (error: Error): DeliveryEnd => {
          this.#whole.delete(path);
          return { kind: 'failed', again: true, reason: error.message };
        },
      );
      for (const one of taken) one.end(end);
    }
    this.#waiting.delete(path);
  }

  async #append(path: string, lines: Buffer): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    let file = await open(path, 'a+', 0o600);
    try {
      if (!this.#whole.has(path)) await mend(file);
      this.#whole.add(path);
      const { size } = await file.stat();
      if (size > 0 && size + lines.byteLength > this.#bytesMax) {
        await file.close();
        await rename(path, path.replace(/\.ndjson$/, '.old.ndjson'));
        file = await open(path, 'a+', 0o600);
      }
      await file.appendFile(lines);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}

/** A line that a killed process has not finished was not delivered: it goes. */
async function mend(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const step = Buffer.alloc(stepBytes);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - stepBytes);
    const { bytesRead } = await file.read(step, 0, end - start, start);
    const at = step.subarray(0, bytesRead).lastIndexOf(10);
    if (at >= 0) {
      if (start + at + 1 < size) await file.truncate(start + at + 1);
      return;
    }
    end = start;
  }
  if (size > 0) await file.truncate(0);
}

/** A record as it is; a dead letter with what went wrong. Line breaks in JSON texts are only ever between its parts. */
function lineOf({ body, attributes }: DestinationMessage): Buffer {
  const text = body.replace(/[\r\n]+/g, ' ');
  const said = Object.entries(attributes).map(([name, { value }]) => [name, value]);
  if (said.length === 0) return Buffer.from(`${text}\n`);
  return Buffer.from(`{"attributes":${JSON.stringify(Object.fromEntries(said))},"event":${text}}\n`);
}
