import { Agent, request } from 'node:http';
import type { LoadTarget } from './load.js';

export interface Called {
  readonly status: number;
  readonly ms: number;
  readonly text: string;
}

/** Calls over kept-alive connections, as many at once as there are calls; for loads that wrk cannot make. */
export class Caller {
  readonly #agent = new Agent({ keepAlive: true });

  /** Never rejects: what did not come has status 0. */
  post({ url, headers, body }: LoadTarget): Promise<Called> {
    const startedMs = performance.now();
    return new Promise((resolve) => {
      const ended = (status: number, text: string) => resolve({ status, ms: performance.now() - startedMs, text });
      const sent = request(url, { method: 'POST', agent: this.#agent, headers }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () => ended(answer.statusCode ?? 0, Buffer.concat(parts).toString()));
        answer.on('error', ({ message }) => ended(0, message));
      });
      sent.on('error', ({ message }) => ended(0, message));
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
