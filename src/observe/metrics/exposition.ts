import { Histogram } from './histogram.js';

/** One metric with all its series. */
export interface Family {
  /** By Prometheus's conventions: base units, `_total` where it only grows. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  samples(): Iterable<Sample>;
}

export interface Sample {
  /** From `labels`; empty: none. */
  readonly labels: string;
  readonly value: number | Histogram;
}

export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/** `name="value",…`, escaped. */
export function labels(of: Readonly<Record<string, string>>): string {
  return Object.entries(of)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (one) => (one === '\n' ? '\\n' : `\\${one}`))}"`)
    .join(',');
}

/** Prometheus's text format 0.0.4, piece by piece: a series, or the head of a family. */
export function* exposition(families: Iterable<Family>): Generator<string> {
  for (const { name, type, help, samples } of families) {
    const told = help.replace(/[\\\n]/g, (one) => (one === '\n' ? '\\n' : '\\\\'));
    yield `# HELP ${name} ${told}\n# TYPE ${name} ${type}\n`;
    for (const { labels: given, value } of samples()) {
      yield value instanceof Histogram ? histogram(name, given, value) : `${series(name, given)} ${value}\n`;
    }
  }
}

function histogram(name: string, given: string, value: Histogram): string {
  const counts = value.cumulative();
  const prefix = given === '' ? '' : `${given},`;
  const lines = counts.map((count, i) => `${name}_bucket{${prefix}le="${value.bounds[i] ?? '+Inf'}"} ${count}\n`);
  const sum = `${series(`${name}_sum`, given)} ${value.sum}\n`;
  return `${lines.join('')}${sum}${series(`${name}_count`, given)} ${counts.at(-1)}\n`;
}

function series(name: string, given: string): string {
  return given === '' ? name : `${name}{${given}}`;
}
