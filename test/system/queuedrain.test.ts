// Queued events are drained without loss although the platform is killed again and again. npm test runs a small one;
// HEARTH_DRAIN_EVENTS and HEARTH_DRAIN_KILLS make it larger (npm run test:drain).
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { GetFunctionConfigurationCommand, UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from './hearth.js';
import { type Sent, sign, signedFetch } from './signedfetch.js';

const eventCount = Number(process.env.HEARTH_DRAIN_EVENTS ?? 2_000);
const killCount = Number(process.env.HEARTH_DRAIN_KILLS ?? 2);
/** What the poller attempts at once (src/async/machine.ts): so many may run again for each kill. */
const attemptsMax = 100;
const publishers = 16;
/** A signature holds for five minutes. */
const signedMsMax = 120_000;
/** No speed limit: several times what a hundred thousand need. */
const msMax = 120_000 + eventCount * 10;
/** Invocations are slow until all are queued, and a few sandboxes are all there is room for. */
const heldMs = 500;

const code = `const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const handler = async () => {
  console.log('ran');
  await pause(Number(process.env.HELD_MS));
};`;

interface Run {
  readonly requestId: string;
  readonly atMs: number;
}

describe('queued events and kill -9', () => {
  let hearth: Hearth;
  const agent = new Agent({ keepAlive: true });
  before(async () => {
    hearth = await Hearth.start('--memory', '1024', '--concurrency', '10000');
  });
  after(async () => {
    agent.destroy();
    await hearth.remove();
  });

  /** The id of an accepted event. */
  function publish({ url, init }: Sent): Promise<string> {
    return new Promise((resolve, reject) => {
      const sent = request(url, { method: 'POST', agent, headers: init.headers }, (answer) => {
        answer.resume();
        answer.on('end', () => {
          if (answer.statusCode === 202) resolve(answer.headers['x-amzn-requestid'] as string);
          else reject(new Error(`an event was answered with ${answer.statusCode}`));
        });
      });
      sent.on('error', reject);
      sent.end(init.body);
    });
  }

  async function publishAll(): Promise<ReadonlySet<string>> {
    const headers = { 'content-type': 'application/json', 'x-amz-invocation-type': 'Event' };
    const path = '/2015-03-31/functions/drained/invocations';
    const accepted = new Set<string>();
    let left = eventCount;
    let signed: Sent | null = null;
    let signedMs = 0;
    const publisher = async () => {
      while (left > 0) {
        left -= 1;
        if (signed === null || performance.now() - signedMs > signedMsMax) {
          signedMs = performance.now();
          signed = await sign(hearth, { method: 'POST', path, body: '{}', headers });
        }
        accepted.add(await publish(signed));
      }
    };
    await Promise.all(Array.from({ length: publishers }, publisher));
    return accepted;
  }

  const look = async () => JSON.parse((await signedFetch(hearth, { path: '/_hearth/status' })).text);

  /** What is queued, under way included. A status tells the depth that the one before it asked for. */
  async function queued(): Promise<number> {
    await look();
    return (await look()).queuedEvents;
  }

  async function runs(): Promise<readonly Run[]> {
    const client = hearth.logs();
    const found: Run[] = [];
    let nextToken: string | undefined;
    do {
      const page = await client.send(
        new FilterLogEventsCommand({ logGroupName: '/aws/lambda/drained', limit: 10_000, nextToken }),
      );
      for (const { message = '', timestamp = 0 } of page.events ?? []) {
        const line = JSON.parse(message) as { readonly message?: unknown; readonly requestId?: string };
        if (line.message === 'ran') found.push({ requestId: line.requestId ?? '', atMs: timestamp });
      }
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return found;
  }

  it('every accepted event runs, and again only what a kill interrupted', { timeout: msMax }, async (test) => {
    const LoggingConfig = { LogFormat: 'JSON', ApplicationLogLevel: 'INFO', SystemLogLevel: 'WARN' } as const;
    const held = { Environment: { Variables: { HELD_MS: String(heldMs) } } };
    const more = { MemorySize: 128, Timeout: 30, LoggingConfig, ...held };
    await hearth.create('drained', ownNode, 'index.handler', { 'index.mjs': code }, more);
    const accepted = await publishAll();
    assert.equal(accepted.size, eventCount, 'each event has an id of its own');
    const depth = await queued();
    assert.ok(depth > eventCount / 2, `most are still queued: ${depth}`);
    const lambda = hearth.lambda();
    const released = { FunctionName: 'drained', Environment: { Variables: { HELD_MS: '0' } } };
    await lambda.send(new UpdateFunctionConfigurationCommand(released));
    await eventually(async () => {
      const { LastUpdateStatus } = await lambda.send(new GetFunctionConfigurationCommand(released));
      return LastUpdateStatus === 'Successful';
    }, 'the update');

    const drainMs = performance.now();
    const killsMs: number[] = [];
    for (let kill = 1; kill <= killCount; kill += 1) {
      const left = await queued();
      // So that each life of the platform has its share of them, and the last one, too.
      const till = left - Math.floor(left / (killCount + 2 - kill));
      await eventually(async () => (await look()).queuedEvents <= till, `${left} to become ${till}`, msMax);
      killsMs.push(Date.now());
      await hearth.stop('SIGKILL');
      await hearth.start();
    }
    await eventually(async () => (await queued()) === 0, 'the queue to be empty', msMax);
    const drainSeconds = (performance.now() - drainMs) / 1_000;

    const times = new Map<string, number[]>();
    for (const { requestId, atMs } of await runs()) {
      const known = times.get(requestId);
      if (known === undefined) times.set(requestId, [atMs]);
      else known.push(atMs);
    }
    const lost = [...accepted].filter((requestId) => !times.has(requestId));
    let duplicates = 0;
    let unexplained = 0;
    for (const all of times.values()) {
      all.sort((one, other) => one - other);
      for (let index = 1; index < all.length; index += 1) {
        duplicates += 1;
        if (!killsMs.some((killMs) => all[index - 1]! <= killMs && killMs <= all[index]!)) unexplained += 1;
      }
    }
    test.diagnostic(
      `${eventCount} events, ${depth} of them queued at the begin of the drain; ${killsMs.length} kills; lost ${lost.length}; ` +
        `run twice ${duplicates}; drained in ${drainSeconds.toFixed(1)} s`,
    );
    assert.deepEqual(lost, []);
    assert.equal(unexplained, 0, 'nothing runs twice without a kill in between');
    assert.ok(duplicates <= killCount * attemptsMax, `${duplicates} ran twice`);
  });
});
