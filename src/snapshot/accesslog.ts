/**
 * Which pages restores of one snapshot touched, in the order of their first access: several runs, because a single one
 * holds accidents of its moment. What they share is fetched ahead at every later restore.
 */
export interface AccessLog {
  readonly runs: readonly Uint32Array[];
}

/** Runs that are recorded: a page that two of three needed is needed by most starts. */
export const runsMax = 3;
/** Pages kept of a run: 1 GiB of working set. What comes later is found by faults. */
export const runPagesMax = 262_144;

export const emptyLog: AccessLog = { runs: [] };

export function withRun(log: AccessLog, pages: Uint32Array): AccessLog {
  return { runs: [...log.runs, pages.subarray(0, runPagesMax)].slice(-runsMax) };
}

/** Pages that at least half of the runs touched, those first that were needed first (mean of their places). */
export function workingSet({ runs }: AccessLog): Uint32Array {
  const seen = new Map<number, { runs: number; places: number }>();
  for (const run of runs) {
    run.forEach((page, index) => {
      const one = seen.get(page);
      const place = index / run.length;
      if (one === undefined) seen.set(page, { runs: 1, places: place });
      else {
        one.runs += 1;
        one.places += place;
      }
    });
  }
  const needed = Math.ceil(runs.length / 2);
  const shared = [...seen].filter(([, one]) => one.runs >= needed);
  shared.sort(([a, x], [b, y]) => x.places / x.runs - y.places / y.runs || a - b);
  return Uint32Array.from(shared, ([page]) => page);
}

/** Little-endian: count of runs, then of each the count of pages and the pages. */
export function encodeLog({ runs }: AccessLog): Buffer {
  const words = runs.reduce((sum, run) => sum + 1 + run.length, 1);
  const bytes = Buffer.alloc(4 * words);
  let at = bytes.writeUInt32LE(runs.length, 0);
  for (const run of runs) {
    at = bytes.writeUInt32LE(run.length, at);
    for (const page of run) at = bytes.writeUInt32LE(page, at);
  }
  return bytes;
}

/** Null: not a log of this form. */
export function decodeLog(bytes: Buffer): AccessLog | null {
  if (bytes.length < 4) return null;
  const count = bytes.readUInt32LE(0);
  if (count > runsMax) return null;
  const runs: Uint32Array[] = [];
  let at = 4;
  for (let run = 0; run < count; run++) {
    if (at + 4 > bytes.length) return null;
    const pages = bytes.readUInt32LE(at);
    at += 4;
    if (pages > runPagesMax || at + 4 * pages > bytes.length) return null;
    runs.push(Uint32Array.from({ length: pages }, (_, index) => bytes.readUInt32LE(at + 4 * index)));
    at += 4 * pages;
  }
  return at === bytes.length ? { runs } : null;
}
