import { DriverError } from './driver.js';

/** What `work` gives, or rejects with DriverError, saying `what`, after `msMax`; the work itself goes on then, unheard. */
export async function withinMs<T>(msMax: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DriverError(`${what} within ${msMax / 1_000} s`)), msMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
