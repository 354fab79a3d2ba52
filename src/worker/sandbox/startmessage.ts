import { DriverError } from './driver.js';

/**
 * What the waiting agent executes (`guest/agent/agent.c`): u32 little-endian length, then the arguments, each ended
 * by NUL, an empty string, and the environment, each `NAME=value` ended by NUL. `command[0]` is a path. The length's highest bit says
 * that the program keeps the channel as its descriptor 3, the next one that it is an extension and runs beside the
 * runtime, which a later message starts.
 */
export function startMessage(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  { keepsChannel = false, beside = false } = {},
): Buffer {
  const entries = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const bad = [...command, ...entries].find((text) => text === '' || text.includes('\0'));
  if (bad !== undefined || command.length === 0) throw new DriverError('empty or NUL in the command or environment');
  const body = Buffer.from([...command, '', ...entries].map((text) => `${text}\0`).join(''), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE((body.length | (keepsChannel ? 1 << 31 : 0) | (beside ? 1 << 30 : 0)) >>> 0);
  return Buffer.concat([length, body]);
}
