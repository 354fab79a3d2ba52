import { ChunkError } from './chunkerror.js';

/** What `action` gives, or rejects with ChunkError (`timeout`) after `deadlineMs`; the action itself goes on then, unheard. */
export async function withinMs<T>(deadlineMs: number, what: string, action: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ChunkError('timeout', `${what}: not within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([action, expired]);
  } finally {
    clearTimeout(timer);
  }
}
