import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { eventually, Hearth, ownNode } from '../../test/system/hearth.js';
import { sign } from '../../test/system/signedfetch.js';
import { metric, statusOf } from '../gauges.js';
import { type LoadFigures, type LoadTarget, load } from '../load.js';
import type { Figure, Scenario } from '../scenario.js';
import { spread } from '../statistics.js';

const rounds = 5;
const seconds = 3;
/** Those that come at once share a write to disk, which at ten connections all of them wait for. */
const connections = [50, 10] as const;
const body = '{"name":"hearth","values":[1,2,3]}';
/** What is queued runs meanwhile, and after it. */
const drainMsMax = 120_000;

/** Both take turns; an event is accepted when it is on disk, and runs while others are still accepted. */
export const async: Scenario = {
  name: 'async',
  title: `events accepted (202, on disk) against synchronous invocations of the same echo`,
  run: async (progress) => {
    const hearth = await Hearth.start('--concurrency', '100000');
    try {
      const code = readFileSync(join(projectRoot, 'bench', 'functions', 'echo', 'index.mjs'));
      await hearth.create('echo', ownNode, 'index.handler', { 'index.mjs': code });
      await hearth.invoke('echo', JSON.parse(body));
      const target = async (type: string): Promise<LoadTarget> => {
        const headers = { 'content-type': 'application/json', 'x-amz-invocation-type': type };
        const path = '/2015-03-31/functions/echo/invocations';
        const signed = await sign(hearth, { method: 'POST', path, body, headers });
        return { url: signed.url, headers: signed.init.headers, body };
      };
      const drained = async () => {
        // A status tells the depth that the one before it asked for.
        await statusOf(hearth);
        return (await statusOf(hearth)).queuedEvents === 0;
      };
      const results = new Map<string, LoadFigures[]>();
      let events = 0;
      let ranSynchronously = 1;
      const drainedPerSecond: number[] = [];
      for (let round = 0; round <= rounds; round += 1) {
        const types = round % 2 === 0 ? ['RequestResponse', 'Event'] : ['Event', 'RequestResponse'];
        for (const count of connections) {
          for (const type of types) {
            progress(`round ${round === 0 ? 'warm-up' : `${round}/${rounds}`}: ${type}, c=${count}`);
            const startedMs = performance.now();
            const figures = await load(await target(type), count, seconds);
            if (figures.failures > 0) throw new Error(`${type}: ${figures.failures} failed requests`);
            if (type === 'Event') {
              await eventually(drained, 'the queue to be empty', drainMsMax);
              events += figures.requests;
              const elapsedMs = performance.now() - startedMs;
              if (round > 0 && count === connections[0]) drainedPerSecond.push((1_000 * figures.requests) / elapsedMs);
            } else ranSynchronously += figures.requests;
            const key = `${type} ${count}`;
            if (round > 0) results.set(key, [...(results.get(key) ?? []), figures]);
          }
        }
      }
      // What wrk gave up in flight at the end of a run is not among its figures.
      const ran = (await metric(hearth, 'hearth_lambda_invocations_total')) - ranSynchronously;
      const rates = (type: string, count: number) =>
        (results.get(`${type} ${count}`) ?? []).map(({ requestsPerSecond }) => requestsPerSecond);
      const ratios = (count: number) =>
        rates('Event', count).map((rate, index) => rate / (rates('RequestResponse', count)[index] ?? Number.NaN));
      const figure = (name: string, unit: string, values: readonly number[], limit?: Figure['limit']): Figure => {
        const { median, min, max } = spread(values);
        return { name, value: median, range: [min, max], unit, ...(limit && { limit }) };
      };
      return [
        figure('synchronous, c=50', '1/s', rates('RequestResponse', 50)),
        figure('events accepted, c=50', '1/s', rates('Event', 50)),
        figure('c=50: events accepted ÷ synchronous', '×', ratios(50), { kind: 'at-least', value: 0.5 }),
        figure('c=10: events accepted ÷ synchronous', '×', ratios(10), { kind: 'at-least', value: 0.5 }),
        figure('c=50: events accepted and run, until the queue is empty', '1/s', drainedPerSecond),
        {
          name: 'events accepted that did not run',
          unit: '',
          value: Math.max(0, events - ran),
          limit: { kind: 'at-most', value: 0 },
        },
      ];
    } finally {
      await hearth.remove();
    }
  },
};
