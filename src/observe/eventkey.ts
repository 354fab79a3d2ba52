/**
 * Where an event stands in the order of its group: by timestamp, then by place of writing. Keys are what event ids
 * and paging tokens are made of, so they hold over restarts. Numbers: milliseconds, segment from 1, line start from 1.
 */
export interface EventKey {
  readonly timestampMs: number;
  readonly segment: number;
  /** Byte offset of the line in its segment, plus one: zero is the gap before all lines. */
  readonly place: number;
}

export function compareKeys(a: EventKey, b: EventKey): number {
  return a.timestampMs - b.timestampMs || a.segment - b.segment || a.place - b.place;
}

/** 56 decimal digits, as the service's event ids have: 16 of time, 16 of segment, 24 of place. Orders as text. */
export function formatKey(key: EventKey): string {
  return (
    String(key.timestampMs).padStart(16, '0') +
    String(key.segment).padStart(16, '0') +
    String(key.place).padStart(24, '0')
  );
}

export function parseKey(text: string): EventKey | null {
  if (!/^\d{56}$/.test(text)) return null;
  const key = {
    timestampMs: Number(text.slice(0, 16)),
    segment: Number(text.slice(16, 32)),
    place: Number(text.slice(32)),
  };
  return Object.values(key).every(Number.isSafeInteger) ? key : null;
}

/** The gap just before an event: everything after this key begins with the event itself. */
export function keyBefore(key: EventKey): EventKey {
  return { ...key, place: key.place - 1 };
}

/** The gap just after an event: everything before this key ends with the event itself. */
export function keyAfter(key: EventKey): EventKey {
  return { ...key, place: key.place + 1 };
}

/** The gap before every event at or after this time. */
export function keyAtTime(timestampMs: number): EventKey {
  return { timestampMs, segment: 0, place: 0 };
}
