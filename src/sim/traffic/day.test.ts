import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { projectRoot } from '../../adapters/projectroot.js';
import { defaultChoice } from '../../capacity/policies/catalog.js';
import { hourMs } from '../../kernel/units.js';
import { SeededRandom } from '../random.js';
import { Agenda } from './agenda.js';
import { compare, compared, dominating } from './comparison.js';
import { type DayOptions, TrafficDay } from './day.js';
import { svgOf } from './plot.js';
import { comparisonOf, csvOf, merged } from './table.js';

const small: DayOptions = {
  seed: 3,
  functions: 60,
  workers: 4,
  workerMib: 65_536,
  choice: { keepAlive: 'histogram', forecast: 'trend' },
  sampleMs: 1_000,
  untilMs: hourMs,
};

test('an agenda gives back in order of time, kind and index, what is near and what is far', () => {
  const random = new SeededRandom(5);
  const agenda = new Agenda();
  const added: [number, number, number][] = [];
  const taken: [number, number, number][] = [];
  const add = (index: number) => {
    const farMs = random.pick([1, 5, 1_000, 65_535, 65_536, 100_000, 5_000_000]);
    const entry: [number, number, number] = [agenda.atMs + random.between(1, farMs), random.between(0, 3), index];
    added.push(entry);
    agenda.add(...entry);
  };
  const take = () => {
    agenda.take();
    taken.push([agenda.atMs, agenda.kind, agenda.index]);
  };
  for (let index = 0; index < 20_000; index += 1) {
    add(index);
    if (index > 3_000 && random.chance(0.9)) take();
  }
  while (taken.length < added.length) take();
  added.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  assert.deepEqual(taken, added);
  assert.throws(() => agenda.take(), /something to come/);
  assert.throws(() => agenda.add(agenda.atMs, 0, 0), /yet to come/);
});

test('the same seed is the same hour; every invocation is served, cold or not', { timeout: 120_000 }, () => {
  const one = new TrafficDay(small).run();
  assert.deepEqual(new TrafficDay(small).run(), one);
  assert.ok(one.invocations > 1_000 && one.cold > 0 && one.cold < one.invocations && one.refused === 0);
});

test('all policies serve the same traffic; keeping longer is less often cold and holds more', {
  timeout: 300_000,
}, () => {
  const all = compare(small);
  assert.deepEqual(
    all.map(({ policy }) => policy),
    compared.map(([policy]) => policy),
  );
  assert.equal(new Set(all.map(({ result }) => result.invocations)).size, 1);
  const of = (policy: string) => all.find((one) => one.policy === policy)!.result;
  assert.ok(of('none').cold > of('fixed-1m').cold && of('fixed-1m').cold >= of('fixed-60m').cold);
  assert.ok(of('none').idleGibHours < of('fixed-1m').idleGibHours);
  assert.ok(of('fixed-1m').idleGibHours < of('fixed-60m').idleGibHours);
  assert.deepEqual(dominating(all, 'none'), []);
  assert.equal(csvOf(all, 'test').trim().split('\n').length, all.length + 2);
  const svg = svgOf(all, 'histogram+trend', 'test');
  for (const [policy] of compared) assert.ok(svg.includes(`>${policy}</text>`));
  assert.doesNotMatch(svg, /NaN|Infinity/);
});

test('the default is on the front of the stored comparison: no policy is less often cold and holds less', () => {
  const text = readFileSync(join(projectRoot, 'bench', 'results', 'policies.csv'), 'utf8');
  const { title, all } = comparisonOf(text);
  assert.match(title, /^\d+ functions, \d+ workers of 64 GiB, 24 hours, seed 1$/);
  assert.deepEqual(
    all.map(({ policy }) => policy),
    compared.map(([policy]) => policy),
  );
  assert.equal(new Set(all.map(({ result }) => result.invocations)).size, 1);
  assert.deepEqual(dominating(all, `${defaultChoice.keepAlive}+${defaultChoice.forecast}`), []);
});

test('a comparison can be read again, and some of it run anew', () => {
  const all = compare({ ...small, untilMs: 60_000 });
  const { title, all: read } = comparisonOf(csvOf(all, 'a world'));
  assert.equal(title, 'a world');
  assert.equal(csvOf(read, title), csvOf(all, title));
  const anew = compare({ ...small, untilMs: 60_000 }, () => {}, ['fixed', 'none']);
  assert.deepEqual(merged(all.slice(3), anew), [all[0], ...all.slice(3)]);
});
