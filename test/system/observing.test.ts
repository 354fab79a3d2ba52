import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  GetFunctionConfigurationCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import type { WhyReport } from '../../src/observe/invocations/why.js';
import { readExposition } from '../../src/observe/metrics/testexposition.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

const code = (text: string) => ({
  'index.mjs': `
  const fromMs = Date.now();
  while (Date.now() - fromMs < 50);
  export const handler = async ({ fail = false, ms = 0 }, { awsRequestId }) => {
    if (fail) throw new TypeError('as told');
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    return '${text} ' + awsRequestId;
  };`,
});

describe('what is seen of invocations', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '1');
    await hearth.create('f', ownNode, 'index.handler', code('one'), { Publish: true });
  });
  after(() => hearth.remove());

  async function invoked(name: string, Qualifier?: string): Promise<string> {
    const { payload, functionError } = await hearth.invoke(name, {}, Qualifier === undefined ? {} : { Qualifier });
    assert.equal(functionError, undefined, payload);
    return (JSON.parse(payload) as string).split(' ')[1]!;
  }
  const names = ({ phases }: WhyReport) => phases.map(({ name }) => name);

  it('a cold start and a warm invocation are told as such', { timeout: 120_000 }, async () => {
    const [first, second] = [await invoked('f'), await invoked('f')];
    const cold = await hearth.why(first);
    assert.deepEqual(cold.start, { kind: 'cold', trigger: null, first: true, spilled: false });
    assert.ok(names(cold).includes('init') && names(cold).includes('placement'), cold.because);
    const init = cold.phases.find(({ name }) => name === 'init')!;
    assert.ok(init.durationMs >= 50 && init.startMs >= 0 && init.durationMs <= cold.totalMs);
    const warm = await hearth.why(second);
    assert.deepEqual([warm.start?.kind, warm.sandbox?.id], ['warm', cold.sandbox?.id]);
    assert.deepEqual(names(warm), ['waiting', 'invoke', 'response']);
    const all = await hearth.cli('why', '--json');
    assert.equal(all.status, 0, all.stderr);
    const listed = JSON.parse(all.stdout) as WhyReport[];
    assert.deepEqual(
      listed.map(({ requestId }) => requestId),
      [first],
    );
    const shown = await hearth.cli('why', first);
    assert.equal(shown.status, 0, shown.stderr);
    assert.match(shown.stdout, /cold: no sandbox was idle; a new one .* initialized\n/);
    assert.match(shown.stdout, /init +\d+ ms +█+/);
    assert.match((await hearth.cli('why')).stdout, new RegExp(`${first}.*f:\\$LATEST`));
  });

  it('hearth invoke --why shows the same after the result', { timeout: 120_000 }, async () => {
    const shown = await hearth.cli('invoke', 'f', '--why');
    assert.equal(shown.status, 0, shown.stderr);
    assert.match(shown.stdout, /^"one [0-9a-f-]{36}"\n$/, 'the result, and nothing else');
    const [requestId = ''] = /[0-9a-f-]{36}/.exec(shown.stdout) ?? [];
    assert.match(shown.stderr, new RegExp(`warm: .*\n  ${requestId} `));
    assert.match(shown.stderr, /invoke +[\d.]+ ms +█+/);
    const { stdout } = await hearth.cli('invoke', 'f', '{"fail":true}', '--why', '--json');
    const { why: report, requestId: id, functionError } = JSON.parse(stdout);
    assert.equal(functionError, 'Unhandled');
    assert.deepEqual([report.requestId, report.outcome, report.start.kind], [id, 'function-error', 'warm']);
    assert.deepEqual(await hearth.why(id), report);
    assert.equal((await hearth.cli('invoke', 'f', '--why', '--event')).status, 64);
    const plain = JSON.parse((await hearth.cli('invoke', 'f', '--json')).stdout);
    assert.equal('why' in plain, false);
  });

  it('after an update of the code the first invocation is proactive', { timeout: 120_000 }, async () => {
    await invoked('f');
    const ZipFile = await zip(code('two'));
    await hearth.lambda().send(new UpdateFunctionCodeCommand({ FunctionName: 'f', ZipFile }));
    await eventually(async () => {
      const answer = await hearth.lambda().send(new GetFunctionConfigurationCommand({ FunctionName: 'f' }));
      return answer.LastUpdateStatus === 'Successful';
    }, 'the update');
    const report = await hearth.why(await invoked('f'));
    assert.deepEqual(report.start, { kind: 'proactive', trigger: 'deploy', first: true, spilled: false });
    const init = report.phases.find(({ name }) => name === 'init')!;
    assert.ok(init.startMs + init.durationMs <= 0, 'it was over before the invocation arrived');
    assert.equal(report.sandbox?.origin, 'deploy');
  });

  it('invocations in provisioned sandboxes are told as such', { timeout: 180_000 }, async () => {
    const of = { FunctionName: 'f', Qualifier: '1' };
    const client = hearth.lambda();
    await client.send(new PutProvisionedConcurrencyConfigCommand({ ...of, ProvisionedConcurrentExecutions: 1 }));
    await eventually(
      async () => (await client.send(new GetProvisionedConcurrencyConfigCommand(of))).Status === 'READY',
      'the sandbox',
      120_000,
    );
    const [first, second] = [await hearth.why(await invoked('f', '1')), await hearth.why(await invoked('f', '1'))];
    assert.deepEqual([first.start?.kind, first.start?.first], ['provisioned', true]);
    assert.deepEqual([second.start?.kind, second.start?.first], ['provisioned', false]);
    const series = await metrics();
    const one = labelsOf('f', '1');
    for (const what of ['requested', 'allocated', 'available']) {
      assert.equal(series.get(`hearth_lambda_provisioned_concurrency_${what}{${one}}`), 1, what);
    }
    assert.equal(series.get(`hearth_lambda_provisioned_concurrency_invocations_total{${one}}`), 2);
    assert.equal(series.get(`hearth_lambda_environment_starts_total{${one},origin="provisioned"}`), 1);
    const inAccount = one.replace(/,function=.*/, '');
    const concurrency = (now: ReadonlyMap<string, number>) => [
      now.get(`hearth_lambda_provisioned_concurrent_executions{${one}}`),
      now.get(`hearth_lambda_provisioned_concurrency_utilization_ratio{${one}}`),
      now.get(`hearth_lambda_unreserved_concurrent_executions{${inAccount}}`),
      now.get(`hearth_lambda_claimed_account_concurrency{${inAccount}}`),
    ];
    await eventually(async () => String(concurrency(await metrics())) === '0,0,0,1', 'nothing to be at work');
    await eventually(
      async () => {
        const inFlight = Promise.all([
          hearth.invoke('f', { ms: 2_000 }, { Qualifier: '1' }),
          hearth.invoke('f', { ms: 2_000 }),
        ]).then(() => 'over');
        let seen = false;
        // On a machine that is too slow to look meanwhile, again.
        while (!seen && (await Promise.race([inFlight, setTimeout(50)])) !== 'over') {
          seen = String(concurrency(await metrics())) === '1,1,1,2';
        }
        await inFlight;
        return seen;
      },
      'both invocations to be seen at work',
      60_000,
    );
    await eventually(async () => String(concurrency(await metrics())) === '0,0,0,1', 'nothing to be at work again');
  });

  const labelsOf = (name: string, version = '$LATEST') =>
    `account="${hearth.credential.account}",region="${hearth.credentials.defaultRegion}",function="${name}",version="${version}"`;

  async function metrics(): Promise<ReadonlyMap<string, number>> {
    const answer = await fetch(`${hearth.endpoint}/metrics`);
    assert.deepEqual(
      [answer.status, answer.headers.get('content-type')],
      [200, 'text/plain; version=0.0.4; charset=utf-8'],
    );
    return readExposition(await answer.text());
  }

  it('metrics count invocations, errors, throttles and events, and are of the text format', {
    timeout: 120_000,
  }, async () => {
    await hearth.create('counted', ownNode, 'index.handler', code('one'));
    for (let i = 0; i < 4; i += 1) await invoked('counted');
    for (let i = 0; i < 2; i += 1)
      assert.equal((await hearth.invoke('counted', { fail: true })).functionError, 'Unhandled');
    const client = hearth.lambda();
    await client.send(new InvokeCommand({ FunctionName: 'counted', InvocationType: 'Event' }));
    const of = labelsOf('counted');
    const function_ = of.replace(/,version=.*/, '');
    const series = await eventually(async () => {
      const now = await metrics();
      return now.get(`hearth_lambda_invocations_total{${of}}`) === 7 ? now : null;
    }, 'the event');
    assert.equal(series.get(`hearth_lambda_errors_total{${of}}`), 2);
    assert.equal(series.get(`hearth_lambda_duration_seconds_count{${of},start="cold"}`), 1);
    assert.equal(series.get(`hearth_lambda_duration_seconds_count{${of},start="warm"}`), 6);
    assert.equal(series.get(`hearth_lambda_concurrent_executions{${of}}`), 0);
    assert.equal(series.get(`hearth_lambda_async_events_received_total{${function_}}`), 1);
    assert.equal(series.get(`hearth_lambda_async_event_age_seconds_count{${function_}}`), 1);
    await client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'counted', ReservedConcurrentExecutions: 0 }));
    await assert.rejects(hearth.invoke('counted'), { name: 'TooManyRequestsException' });
    const reason = 'reason="ReservedFunctionConcurrentInvocationLimitExceeded"';
    assert.equal((await metrics()).get(`hearth_lambda_throttles_total{${of},${reason}}`), 1);
  });

  it('what came through a proxy gets no metrics; nobody gets an invocation that is not remembered', async () => {
    for (const header of ['x-forwarded-for', 'forwarded', 'via']) {
      const answer = await fetch(`${hearth.endpoint}/metrics`, { headers: { [header]: 'for=192.0.2.1' } });
      assert.equal(answer.status, 403, header);
    }
    assert.equal((await fetch(`${hearth.endpoint}/_hearth/why`)).status, 403);
    const unknown = await hearth.cli('why', '00000000-0000-4000-8000-000000000000');
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /is not remembered/);
    assert.equal((await hearth.cli('why', 'nonsense')).status, 64);
  });
});
