import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { DriverError } from '../../worker/sandbox/driver.js';
import { findProgram } from '../../worker/sandbox/programs.js';
import type { Accelerator, MonitorKind } from './arguments.js';

const run = promisify(execFile);
/** It only prints a line; a machine that cannot do so in 10 s starts no monitors. */
const versionMsMax = 10_000;
/** Machine properties we name exist since QEMU 6.0; older ones refuse them. */
const majorMin = 6;

/** The QEMU of this machine. Rejects with DriverError, which says what is missing. */
export async function monitorProgram(accelerator: Accelerator): Promise<{ path: string; kind: MonitorKind }> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new DriverError(`virtual machines need Linux on x86-64, not ${process.platform} on ${process.arch}`);
  }
  const path = findProgram('qemu-system-x86_64');
  if (path === null) throw new DriverError('QEMU is missing: apt-get install qemu-system-x86');
  let text: string;
  try {
    text = (await run(path, ['--version'], { timeout: versionMsMax, killSignal: 'SIGKILL' })).stdout;
  } catch (error) {
    throw new DriverError(`${path} does not run: ${(error as Error).message}`);
  }
  const match = /version ((\d+)\.(\d+)[^\n]*)/.exec(text);
  if (!match) throw new DriverError(`${path} does not tell its version`);
  const version = [Number(match[2]), Number(match[3])] as const;
  if (version[0] < majorMin) throw new DriverError(`QEMU ${match[1]} is too old: ${majorMin}.0 or newer is needed`);
  const hostProcessor = accelerator === 'kvm' ? processorName() : '';
  return { path, kind: { accelerator, version, versionText: match[1]!, hostProcessor } };
}

/** With KVM the guest sees this machine's processor: model and features, as 16 hexadecimal digits. */
function processorName(): string {
  const lines = readFileSync('/proc/cpuinfo', 'utf8').split('\n\n')[0]!.split('\n');
  const kept = lines.filter((line) =>
    /^(vendor_id|cpu family|model|model name|stepping|flags|microcode)\s*:/.test(line),
  );
  return createHash('sha256').update(kept.join('\n')).digest('hex').slice(0, 16);
}
