import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { SeededRandom } from '../../src/sim/random.js';
import { Hearth, ownNode } from '../../test/system/hearth.js';
import { zip } from '../../test/system/zip.js';
import { Caller } from '../caller.js';
import { metric, statusOf } from '../gauges.js';
import type { LoadTarget } from '../load.js';
import type { Figure, Scenario } from '../scenario.js';

const rounds = 3;
const roundSeconds = 60;
/** Until each has as many sandboxes as it needs. */
const warmUpSeconds = 20;
/** In each round, from its begin. */
const deployAtSeconds = { node: 20, python: 45 } as const;
/** Instead of 1 h to 4 h: what happens to a function in a working day happens in the run, some two hundred times as fast. */
const lifetime = '30s..90s';
const initMs = 500;
const memoryMib = 128;
/** Invocations a second of each function: a Poisson process whose rate swings by more than half within a minute. */
const rateMean = 6;
const rateSwing = 0.6;
const ratePeriodSeconds = 60;
/** Durations: log-normal, some longer than an init and most not; from so many that are signed in advance. */
const durationMedianMs = 400;
const durationSigma = 1;
const durations = 64;

type Name = keyof typeof deployAtSeconds;
const names: readonly Name[] = ['node', 'python'];

interface Counts {
  readonly cold: number;
  readonly proactive: number;
  readonly all: number;
  /** Told by the published detection: initialized more than ten seconds before. */
  readonly detected: number;
  readonly mibSeconds: number;
}

/** One platform under the load. */
class Subject {
  readonly #caller = new Caller();
  readonly #targets = new Map<Name, readonly LoadTarget[]>();
  readonly #code = new Map<Name, { readonly file: string; readonly text: string; readonly comment: string }>();
  #failures: string[] = [];
  #detected = 0;
  #mibSeconds = 0;
  #seenMs = performance.now();
  #deploys = 0;

  private constructor(readonly hearth: Hearth) {}

  static async start(proactive: 'on' | 'off'): Promise<Subject> {
    const hearth = await Hearth.start('--proactive', proactive, '--sandbox-lifetime', lifetime);
    const runtimes: readonly { readonly name: string; readonly status: string }[] = JSON.parse(
      (await hearth.cli('runtimes', '--json')).stdout,
    );
    const python = runtimes.findLast(({ name, status }) => name.startsWith('python') && status === 'ready')?.name;
    if (python === undefined) throw new Error('there is no Python of a Lambda runtime on this machine');
    const subject = new Subject(hearth);
    const read = (name: string) => readFileSync(join(projectRoot, 'bench', 'functions', 'detect', name), 'utf8');
    const more = { MemorySize: memoryMib, Timeout: 30, Environment: { Variables: { INIT_MS: String(initMs) } } };
    await hearth.create('node', ownNode, 'index.handler', { 'index.mjs': read('index.mjs') }, more);
    await hearth.create('python', python, 'app.handler', { 'app.py': read('app.py') }, more);
    subject.#code.set('node', { file: 'index.mjs', text: read('index.mjs'), comment: '//' });
    subject.#code.set('python', { file: 'app.py', text: read('app.py'), comment: '#' });
    return subject;
  }

  /** The signature holds for five minutes. */
  async sign(bodies: readonly string[]): Promise<void> {
    for (const name of names) {
      this.#targets.set(name, await Promise.all(bodies.map((body) => this.hearth.invocation(name, body))));
    }
  }

  async call(name: Name, duration: number): Promise<void> {
    const { status, text } = await this.#caller.post(this.#targets.get(name)![duration]!);
    if (status !== 200) this.#failures.push(`${name}: ${status} ${text}`);
    else if (JSON.parse(text).proactiveInitialization === true) this.#detected += 1;
  }

  async deploy(name: Name): Promise<void> {
    const { file, text, comment } = this.#code.get(name)!;
    this.#deploys += 1;
    const ZipFile = await zip({ [file]: `${comment} ${this.#deploys}\n${text}` });
    await this.hearth.lambda().send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile }));
  }

  /** Adds up memory by time; to be called often. */
  async look(): Promise<void> {
    const { worker } = await statusOf(this.hearth);
    const nowMs = performance.now();
    this.#mibSeconds += (worker.sandboxes * memoryMib * (nowMs - this.#seenMs)) / 1_000;
    this.#seenMs = nowMs;
  }

  async counts(): Promise<Counts> {
    if (this.#failures.length > 0) throw new Error(`${this.#failures.length} failed: ${this.#failures[0]}`);
    const started = (kind: string) =>
      metric(this.hearth, 'hearth_lambda_start_latency_seconds_count', kind && `start="${kind}"`);
    const [cold, proactive, all] = [await started('cold'), await started('proactive'), await started('')];
    return { cold, proactive, all, detected: this.#detected, mibSeconds: this.#mibSeconds };
  }

  async remove(): Promise<void> {
    this.#caller.close();
    await this.hearth.remove();
  }
}

/** Both platforms get the very same load at the same time: the same arrivals, durations and deploys. */
export const proactive: Scenario = {
  name: 'proactive',
  title:
    'sandboxes initialized before anybody waits for them: a Node and a Python function under sustained load with deploys and rotations, --proactive on against off',
  run: async (progress) => {
    const random = new SeededRandom(1);
    const bodies = Array.from({ length: durations }, () => {
      const waitMs = Math.round(durationMedianMs * Math.exp(durationSigma * normal(random)));
      return JSON.stringify({ waitMs });
    });
    const on = await Subject.start('on');
    const off = await Subject.start('off');
    const subjects = [on, off];
    try {
      const play = async (seconds: number, deploys: boolean, label: string) => {
        for (const subject of subjects) await subject.sign(bodies);
        const pending = new Set<Promise<void>>();
        const follow = (work: Promise<void>) => {
          const done: Promise<void> = work.finally(() => pending.delete(done));
          pending.add(done);
        };
        const startedMs = performance.now();
        const arrivals = names
          .flatMap((name) =>
            arrivalsOf(random, seconds).map((atMs) => ({ name, atMs, duration: random.between(0, durations - 1) })),
          )
          .sort((one, other) => one.atMs - other.atMs);
        const due = deploys ? names.map((name) => ({ name, atMs: 1_000 * deployAtSeconds[name] })) : [];
        let lookMs = 0;
        let next = 0;
        while (next < arrivals.length || performance.now() - startedMs < seconds * 1_000) {
          const passedMs = performance.now() - startedMs;
          for (; next < arrivals.length && arrivals[next]!.atMs <= passedMs; next += 1) {
            const { name, duration } = arrivals[next]!;
            for (const subject of subjects) follow(subject.call(name, duration));
          }
          while (due.length > 0 && due[0]!.atMs <= passedMs) {
            const { name } = due.shift()!;
            for (const subject of subjects) follow(subject.deploy(name));
          }
          if (passedMs >= lookMs) {
            lookMs += 500;
            progress(`${label}: ${Math.round(passedMs / 1_000)} s of ${seconds}`);
            for (const subject of subjects) follow(subject.look());
          }
          await pause(2);
        }
        await Promise.all(pending);
        return await Promise.all(subjects.map((subject) => subject.counts()));
      };
      const seen = [await play(warmUpSeconds, false, 'warm-up')];
      for (let round = 1; round <= rounds; round += 1) {
        seen.push(await play(roundSeconds, true, `round ${round}/${rounds}`));
      }
      const between = (subject: number, from: number, to: number) => {
        const [before, after] = [seen[from]![subject]!, seen[to]![subject]!];
        const of = (key: keyof Counts) => after[key] - before[key];
        return {
          cold: of('cold'),
          proactive: of('proactive'),
          all: of('all'),
          detected: of('detected'),
          mibSeconds: of('mibSeconds'),
        };
      };
      const figure = (
        name: string,
        unit: string,
        value: (from: number, to: number) => number,
        limit?: Figure['limit'],
      ) => {
        const each = Array.from({ length: rounds }, (_, round) => value(round, round + 1));
        const range = [Math.min(...each), Math.max(...each)] as const;
        return { name, unit, value: value(0, rounds), range, ...(limit && { limit }) };
      };
      const coldShare = (subject: number) => (from: number, to: number) => {
        const { cold, all } = between(subject, from, to);
        return (100 * cold) / all;
      };
      const memory = (subject: number) => (from: number, to: number) => {
        const { mibSeconds, all } = between(subject, from, to);
        return mibSeconds / 1_024 / all;
      };
      return [
        { name: 'invocations of each', unit: '', value: between(0, 0, rounds).all },
        figure(
          'on: initializations that were proactive, of those that served',
          '%',
          (from, to) => {
            const { cold, proactive } = between(0, from, to);
            return (100 * proactive) / (cold + proactive);
          },
          { kind: 'at-least', value: 50 },
        ),
        figure('on: the same by the published detection (10 s before)', '%', (from, to) => {
          const { cold, proactive, detected } = between(0, from, to);
          return (100 * detected) / (cold + proactive);
        }),
        figure('on: invocations that met a cold start', '%', coldShare(0)),
        figure('off: invocations that met a cold start', '%', coldShare(1)),
        {
          name: 'cold starts, off ÷ on',
          unit: '×',
          value: between(1, 0, rounds).cold / Math.max(1, between(0, 0, rounds).cold),
          limit: { kind: 'at-least', value: 4 },
        },
        figure('on: memory-time an invocation', 'GiB·s', memory(0)),
        figure('off: memory-time an invocation', 'GiB·s', memory(1)),
        figure('memory-time, on ÷ off', '×', (from, to) => memory(0)(from, to) / memory(1)(from, to)),
      ];
    } finally {
      for (const subject of subjects) await subject.remove();
    }
  },
};

function arrivalsOf(random: SeededRandom, seconds: number): number[] {
  const arrivals: number[] = [];
  const rateMax = rateMean * (1 + rateSwing);
  for (let at = 0; ; ) {
    at -= Math.log(1 - random.fraction()) / rateMax;
    if (at >= seconds) return arrivals;
    const rate = rateMean * (1 + rateSwing * Math.sin((2 * Math.PI * at) / ratePeriodSeconds));
    if (random.fraction() * rateMax < rate) arrivals.push(at * 1_000);
  }
}

/** Standard normal (Box and Muller). */
function normal(random: SeededRandom): number {
  return Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction());
}
