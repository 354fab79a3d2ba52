import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { Hearth, ownNode } from '../../test/system/hearth.js';
import { type LoadFigures, type LoadTarget, load } from '../load.js';
import { bareServer, serverlessOfflineInvocation, serverlessOfflineServer } from '../peers.js';
import { treeCpuSeconds } from '../process.js';
import type { Figure, Scenario } from '../scenario.js';
import { spread } from '../statistics.js';

const rounds = 5;
const seconds = 3;
/** Before the first round that counts: every sandbox is a process of its own whose code V8 has yet to optimize. */
const warmUpSeconds = 5;
const body = '{"name":"hearth","values":[1,2,3]}';

type Subject = 'bare' | 'hearth' | 'client' | 'offline';

function figure(name: string, values: readonly number[], unit: string, limit?: Figure['limit']): Figure {
  const { median, min, max } = spread(values);
  return { name, value: median, range: [min, max], unit, ...(limit === undefined ? {} : { limit }) };
}

/** Subjects take turns within every round, so that a change of the machine's speed meets all of them. */
export const warm: Scenario = {
  name: 'warm',
  title:
    'warm JSON echo: Hearth (SigV4, admission, assignment, sandbox, log, REPORT) against bare node:http and serverless-offline 14',
  run: async (progress) => {
    const bare = await bareServer();
    const offline = await serverlessOfflineServer();
    // Lambda's rate limit is ten times the concurrency a second: a quota that holds back no figure.
    const hearth = await Hearth.start('--concurrency', '100000');
    try {
      const file = (...path: string[]) => readFileSync(join(projectRoot, 'bench', 'functions', ...path));
      await hearth.create('echo', ownNode, 'index.handler', { 'index.mjs': file('echo', 'index.mjs') });
      await hearth.create('client', 'provided.al2023', 'none', { bootstrap: file('httpclient', 'bootstrap') });

      for (const name of ['echo', 'client']) {
        const answer = await hearth.invoke(name, JSON.parse(body));
        if (answer.payload !== body) throw new Error(`${name} answers ${answer.payload}`);
      }
      const plain = { headers: { 'content-type': 'application/json' }, body };
      const targets = async (): Promise<Record<Subject, LoadTarget>> => ({
        bare: { url: bare.url, ...plain },
        hearth: await hearth.invocation('echo', body),
        client: await hearth.invocation('client', body),
        offline: { url: serverlessOfflineInvocation(offline), ...plain },
      });
      const subjects: readonly Subject[] = ['bare', 'hearth', 'offline', 'client'];
      const results = new Map<string, LoadFigures[]>();
      const cpuMicroseconds: number[] = [];
      const bareCpuMicroseconds: number[] = [];
      let peerFailures = 0;
      for (let round = 0; round <= rounds; round += 1) {
        for (const connections of [10, 1, 50]) {
          for (const subject of subjects) {
            if (subject === 'client' && connections !== 10) continue;
            progress(`round ${round === 0 ? 'warm-up' : `${round}/${rounds}`}: ${subject}, c=${connections}`);
            const target = (await targets())[subject];
            const measured = subject === 'bare' ? (bare.child.pid as number) : hearth.pid;
            const cpuBefore = treeCpuSeconds(measured);
            const figures = await load(target, connections, round === 0 ? warmUpSeconds : seconds);
            // The peer's failures are a figure; ours, and the limit's, end the run.
            if (subject === 'offline') peerFailures += figures.failures;
            else if (figures.failures > 0) {
              throw new Error(`${subject} c=${connections}: ${figures.failures} failed requests`);
            }
            if (round === 0) continue;
            if (connections === 10) {
              const microseconds = ((treeCpuSeconds(measured) - cpuBefore) / figures.requests) * 1e6;
              if (subject === 'hearth') cpuMicroseconds.push(microseconds);
              if (subject === 'bare') bareCpuMicroseconds.push(microseconds);
            }
            const key = `${subject} ${connections}`;
            results.set(key, [...(results.get(key) ?? []), figures]);
          }
        }
      }
      const of = (subject: Subject, connections: number) => results.get(`${subject} ${connections}`) ?? [];
      const ratio = (
        one: readonly LoadFigures[],
        other: readonly LoadFigures[],
        what: 'requestsPerSecond' | 'p50Ms' | 'p99Ms',
      ) => one.map((figures, index) => figures[what] / (other[index]?.[what] ?? Number.NaN));
      const rate = (subject: Subject, connections: number) =>
        figure(
          `${subject} c=${connections}`,
          of(subject, connections).map((one) => one.requestsPerSecond),
          'req/s',
        );
      return [
        ...subjects.map((subject) => rate(subject, 10)),
        { name: 'offline: requests failed', value: peerFailures, unit: '' },
        figure('c=10: rate ÷ bare', ratio(of('hearth', 10), of('bare', 10), 'requestsPerSecond'), '×', {
          kind: 'at-least',
          value: 0.3,
        }),
        figure(
          'c=10: rate ÷ serverless-offline',
          ratio(of('hearth', 10), of('offline', 10), 'requestsPerSecond'),
          '×',
          { kind: 'at-least', value: 2.5 },
        ),
        figure('c=10: CPU an invocation, platform and sandboxes', cpuMicroseconds, 'µs', {
          kind: 'at-most',
          value: 100,
        }),
        figure('c=10: CPU a request, bare', bareCpuMicroseconds, 'µs'),
        // The 100 µs were set on a machine where the bare server takes 15 µs a request: this one tells of any machine.
        figure(
          'c=10: CPU an invocation ÷ bare',
          cpuMicroseconds.map((value, index) => value / (bareCpuMicroseconds[index] ?? Number.NaN)),
          '×',
          { kind: 'at-most', value: 6.7 },
        ),
        figure(
          'c=1: p50',
          of('hearth', 1).map((one) => one.p50Ms),
          'ms',
        ),
        figure('c=1: p50 ÷ bare', ratio(of('hearth', 1), of('bare', 1), 'p50Ms'), '×', { kind: 'at-most', value: 3 }),
        figure(
          'c=50: p99',
          of('hearth', 50).map((one) => one.p99Ms),
          'ms',
        ),
        figure('c=50: p99 ÷ serverless-offline', ratio(of('hearth', 50), of('offline', 50), 'p99Ms'), '×', {
          kind: 'at-most',
          value: 1,
        }),
        figure(
          'node:http Runtime API client, c=10: rate ÷ serverless-offline',
          ratio(of('client', 10), of('offline', 10), 'requestsPerSecond'),
          '×',
          { kind: 'at-least', value: 1 },
        ),
      ];
    } finally {
      await Promise.all([bare.stop(), offline.stop(), hearth.remove()]);
    }
  },
};
