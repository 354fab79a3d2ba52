import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { AccountId, Region, RequestId } from '../kernel/ids.js';
import { CountingMachine } from './machine.js';
import type { CountingInput } from './messages.js';

type Admit = Extract<CountingInput, { kind: 'admit' }>;

function admit(requestId: string, more: Partial<Admit> = {}): Admit {
  return {
    kind: 'admit',
    nowMs: 0,
    requestId: requestId as RequestId,
    account: '111111111111' as AccountId,
    region: 'us-east-1' as Region,
    functionKey: '111111111111/us-east-1/f',
    reserved: null,
    reservedInAccount: 0,
    provisioned: 0,
    provisionedInAccount: 0,
    ...more,
  };
}

const release = (requestId: string): CountingInput => ({
  kind: 'release',
  nowMs: 0,
  requestId: requestId as RequestId,
});

function answer(machine: CountingMachine, input: CountingInput): string {
  const [effect] = machine.step(input);
  return effect === undefined ? 'nothing' : effect.kind === 'throttled' ? effect.reason : effect.kind;
}

test('tells by account and region what took from the unreserved pool, and nothing else', () => {
  const machine = new CountingMachine({ accountConcurrency: 10 });
  assert.deepEqual([...machine.unreserved()], []);
  const commitments = { reservedInAccount: 2, provisionedInAccount: 1 };
  machine.step(admit('a', commitments));
  machine.step(admit('b', commitments));
  machine.step(admit('r', { ...commitments, functionKey: 'reserved', reserved: 2 }));
  machine.step(admit('p', { ...commitments, functionKey: 'provisioned', provisioned: 1 }));
  machine.step(admit('spilled', { ...commitments, functionKey: 'provisioned', provisioned: 1 }));
  machine.step(admit('w', { region: 'eu-west-1' as Region, functionKey: 'elsewhere' }));
  machine.step(release('a'));
  machine.step(release('w'));
  assert.deepEqual(
    [...machine.unreserved()],
    [
      { account: '111111111111', region: 'us-east-1', inFlight: 2 },
      { account: '111111111111', region: 'eu-west-1', inFlight: 0 },
    ],
  );
});

test('golden trace: the unreserved pool is the account less all reservations', () => {
  const machine = new CountingMachine({ accountConcurrency: 3 });
  const trace = [
    admit('a', { reservedInAccount: 1 }),
    admit('b', { reservedInAccount: 1, functionKey: 'g' }),
    admit('c', { reservedInAccount: 1 }),
    release('a'),
    release('a'),
    release('never admitted'),
    admit('c', { reservedInAccount: 1 }),
    admit('d', { reservedInAccount: 1 }),
  ].map((input) => answer(machine, input));
  assert.deepEqual(trace, [
    'admitted',
    'admitted',
    'ConcurrentInvocationLimitExceeded',
    'nothing',
    'nothing',
    'nothing',
    'admitted',
    'ConcurrentInvocationLimitExceeded',
  ]);
});

test('a reservation is guaranteed and is the limit; 0 throttles everything', () => {
  const machine = new CountingMachine({ accountConcurrency: 2 });
  assert.equal(answer(machine, admit('a', { reservedInAccount: 1 })), 'admitted');
  const reserved = { functionKey: 'r', reserved: 1, reservedInAccount: 1 };
  assert.equal(answer(machine, admit('b', reserved)), 'admitted');
  assert.equal(answer(machine, admit('c', reserved)), 'ReservedFunctionConcurrentInvocationLimitExceeded');
  const zero = { functionKey: 'z', reserved: 0 };
  assert.equal(answer(machine, admit('d', zero)), 'ReservedFunctionConcurrentInvocationLimitExceeded');
});

test('what runs counts against a reservation made meanwhile', () => {
  const machine = new CountingMachine();
  assert.equal(answer(machine, admit('a')), 'admitted');
  assert.equal(answer(machine, admit('b', { reserved: 1 })), 'ReservedFunctionConcurrentInvocationLimitExceeded');
});

test('provisioned concurrency is guaranteed, is no limit, and is not there for others', () => {
  const machine = new CountingMachine({ accountConcurrency: 4 });
  const others = { functionKey: 'others', provisionedInAccount: 2 };
  assert.equal(answer(machine, admit('a', others)), 'admitted');
  assert.equal(answer(machine, admit('b', others)), 'admitted');
  assert.equal(answer(machine, admit('c', others)), 'ConcurrentInvocationLimitExceeded');
  const provisioned = { functionKey: 'p', provisioned: 2, provisionedInAccount: 2 };
  assert.equal(answer(machine, admit('d', provisioned)), 'admitted');
  assert.equal(answer(machine, admit('e', provisioned)), 'admitted');
  assert.equal(answer(machine, admit('f', provisioned)), 'ConcurrentInvocationLimitExceeded');
  machine.step(release('a'));
  assert.equal(
    answer(machine, admit('f', provisioned)),
    'admitted',
    'beyond it the function takes from what all share',
  );
  machine.step(release('d'));
  assert.equal(answer(machine, admit('g', others)), 'ConcurrentInvocationLimitExceeded');
  assert.equal(answer(machine, admit('h', provisioned)), 'admitted');
  for (const one of ['b', 'e', 'f', 'h']) machine.step(release(one));
  assert.equal(machine.inFlight, 0);
});

test('what runs leaves room before provisioned concurrency made meanwhile is taken', () => {
  const machine = new CountingMachine({ accountConcurrency: 2 });
  assert.equal(answer(machine, admit('a')), 'admitted');
  assert.equal(answer(machine, admit('b')), 'admitted');
  const provisioned = { functionKey: 'p', provisioned: 2, provisionedInAccount: 2 };
  assert.equal(answer(machine, admit('c', provisioned)), 'ConcurrentInvocationLimitExceeded');
  machine.step(release('a'));
  assert.equal(answer(machine, admit('c', provisioned)), 'admitted');
});

test('faster than ten a second for each provisioned one, requests take from what all share', () => {
  const machine = new CountingMachine({ accountConcurrency: 3 });
  const provisioned = { functionKey: 'p', provisioned: 1, provisionedInAccount: 1 };
  const answers: string[] = [];
  for (let index = 0; index < 31; index += 1) {
    answers.push(answer(machine, admit(`r${index}`, provisioned)));
    machine.step(release(`r${index}`));
  }
  assert.equal(answers.filter((one) => one === 'admitted').length, 30);
  assert.equal(answers.at(-1), 'FunctionInvocationRateLimitExceeded');
});

test('accounts and regions do not see each other', () => {
  const machine = new CountingMachine({ accountConcurrency: 1 });
  assert.equal(answer(machine, admit('a')), 'admitted');
  assert.equal(answer(machine, admit('b', { account: '222222222222' as AccountId, functionKey: 'g' })), 'admitted');
  assert.equal(answer(machine, admit('c', { region: 'eu-west-1' as Region, functionKey: 'h' })), 'admitted');
});

test('ten requests a second for each unit of concurrency, one second ahead at most', () => {
  const machine = new CountingMachine();
  const more = { functionKey: 'r', reserved: 2, reservedInAccount: 2 };
  const admittedAt = (nowMs: number, tries: number) => {
    let admitted = 0;
    for (let index = 0; index < tries; index += 1) {
      const requestId = `${nowMs}-${index}`;
      if (answer(machine, admit(requestId, { ...more, nowMs })) !== 'admitted') continue;
      admitted += 1;
      machine.step(release(requestId));
    }
    return admitted;
  };
  assert.equal(admittedAt(0, 50), 20);
  assert.equal(answer(machine, admit('x', { ...more, nowMs: 0 })), 'ReservedFunctionInvocationRateLimitExceeded');
  assert.equal(admittedAt(500, 50), 10);
  assert.equal(admittedAt(60_000, 50), 20);
  const unreserved = new CountingMachine({ accountConcurrency: 1 });
  for (let index = 0; index < 10; index += 1) {
    assert.equal(answer(unreserved, admit(`u${index}`)), 'admitted');
    unreserved.step(release(`u${index}`));
  }
  assert.equal(answer(unreserved, admit('u')), 'FunctionInvocationRateLimitExceeded');
});

test('repeated admit: the same answer, counted once', () => {
  const machine = new CountingMachine({ accountConcurrency: 1 });
  assert.equal(answer(machine, admit('a')), 'admitted');
  assert.equal(answer(machine, admit('a')), 'admitted');
  machine.step(release('a'));
  assert.equal(machine.inFlight, 0);
});

test('idle functions are forgotten, running ones are not', () => {
  const machine = new CountingMachine({ accountConcurrency: 100_000 });
  machine.step(admit('kept', { functionKey: 'kept', reserved: 1 }));
  for (let index = 0; index < 5_000; index += 1) {
    const nowMs = index * 10;
    machine.step(admit(`r${index}`, { functionKey: `f${index}`, nowMs }));
    machine.step(release(`r${index}`));
  }
  const again = admit('again', { functionKey: 'kept', reserved: 1, nowMs: 100_000 });
  assert.equal(answer(machine, again), 'ReservedFunctionConcurrentInvocationLimitExceeded');
});

test('property: whatever comes, no limit is exceeded and everything released is free again', () => {
  const command = fc.record({
    isRelease: fc.boolean(),
    request: fc.integer({ min: 0, max: 30 }),
    fn: fc.integer({ min: 0, max: 4 }),
    afterMs: fc.integer({ min: 0, max: 500 }),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const machine = new CountingMachine({ accountConcurrency: 10, requestsPerSecondPerConcurrency: 1_000 });
      const reservations = [null, null, 2, 0];
      const running = new Map<string, number>();
      let nowMs = 0;
      for (const { isRelease, request, fn, afterMs } of commands) {
        nowMs += afterMs;
        const requestId = `r${request}`;
        if (isRelease) {
          machine.step(release(requestId));
          running.delete(requestId);
          continue;
        }
        const reserved = reservations[fn] ?? null;
        const counts = { reserved, reservedInAccount: 2, provisioned: fn === 4 ? 3 : 0, provisionedInAccount: 3 };
        const input = admit(requestId, { nowMs, ...counts, functionKey: `f${fn}` });
        const count = (wanted: (fn: number) => boolean) => [...running.values()].filter(wanted).length;
        const isNew = !running.has(requestId);
        const provisionedBefore = count((one) => one === 4);
        const answered = answer(machine, input);
        if (answered === 'admitted' && isNew) running.set(requestId, fn);
        if (isNew && fn === 4 && provisionedBefore < 3) assert.notEqual(answered, 'ConcurrentInvocationLimitExceeded');
        assert.ok(count((one) => one < 2) <= 5);
        assert.ok(running.size <= 10);
        assert.ok(count((one) => one === 2) <= 2);
        assert.equal(
          count((one) => one === 3),
          0,
        );
        assert.equal(machine.inFlight, running.size);
      }
      for (const requestId of running.keys()) machine.step(release(requestId));
      assert.equal(machine.inFlight, 0);
    }),
  );
});
