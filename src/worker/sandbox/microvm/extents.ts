import { execFile } from 'node:child_process';
import { DriverError } from '../driver.js';
import { nativeProgram } from '../programs.js';

/** Looking through the extents of a file takes milliseconds; a disk that hangs says so. */
const lookMsMax = 10_000;
/** Some 40 bytes a line: 100,000 ranges, more than a file system of 10 GiB is ever cut into here. */
const outputBytesMax = 4_000_000;

/** Bytes of a file that hold data. */
export interface Extent {
  readonly offset: number;
  readonly bytes: number;
}

/** Where a sparse file has data, in order. Rejects with DriverError. */
export function extentsOf(path: string): Promise<readonly Extent[]> {
  const program = nativeProgram('extents');
  if (program === null) {
    return Promise.reject(new DriverError('the native parts are not built: node setup/native.mjs'));
  }
  return new Promise((resolve, reject) => {
    const options = { timeout: lookMsMax, killSignal: 'SIGKILL', maxBuffer: outputBytesMax } as const;
    execFile(program, [path], options, (error, stdout, stderr) => {
      if (error !== null) {
        reject(new DriverError(`extents of ${path}: ${stderr.trim() || error.message}`));
        return;
      }
      const lines = stdout.split('\n').filter((line) => line !== '');
      resolve(
        lines.map((line) => {
          const [offset, bytes] = line.split(' ').map(Number);
          return { offset: offset!, bytes: bytes! };
        }),
      );
    });
  });
}
