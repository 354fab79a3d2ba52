import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LoadFigures {
  readonly requests: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were not 2xx, and socket errors. A run with any is not a result. */
  readonly failures: number;
}

export interface LoadTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

function latencyMs(output: string, percentile: string): number {
  const match = new RegExp(`^\\s+${percentile}%\\s+([\\d.]+)(us|ms|s|m)\\s*$`, 'm').exec(output);
  return Number(match?.[1]) * (unitMs[match?.[2] ?? ''] ?? Number.NaN);
}

/** One wrk run with one thread: POST of the same body over `connections` kept-alive connections. */
export async function load(target: LoadTarget, connections: number, seconds: number): Promise<LoadFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-bench-'));
  try {
    const headers = Object.entries(target.headers)
      // wrk sends the URL's own host, which is what was signed.
      .filter(([name]) => name !== 'host')
      .map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`);
    const script = join(folder, 'post.lua');
    writeFileSync(
      script,
      `wrk.method = 'POST'\nwrk.body = ${lua(target.body)}\n${headers.join('\n')}\n` +
        // wrk prints failures only when there are any; this line is always there.
        `done = function(summary)\n  local e = summary.errors\n  print('figures', summary.requests, summary.duration, ` +
        `e.connect + e.read + e.write + e.status + e.timeout)\nend\n`,
    );
    const output = await run('wrk', [
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      '--latency',
      '-s',
      script,
      target.url,
    ]);
    const figures = /^figures\s+(\d+)\s+(\d+)\s+(\d+)$/m.exec(output);
    if (figures === null) throw new Error(`wrk said: ${output}`);
    const requests = Number(figures[1]);
    const elapsed = Number(figures[2]) / 1e6;
    return {
      requests,
      seconds: elapsed,
      requestsPerSecond: requests / elapsed,
      p50Ms: latencyMs(output, '50'),
      p99Ms: latencyMs(output, '99'),
      failures: Number(figures[3]),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A Lua string literal: for printable ASCII, JSON's escapes are Lua's. */
function lua(text: string): string {
  return JSON.stringify(text);
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`${command} ended with ${code}`))));
  });
}
