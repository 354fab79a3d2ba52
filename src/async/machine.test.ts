import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { AccountId, Region, RequestId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import type { DeliveryEnd } from '../kernel/ports/destinations.js';
import { hourMs, minuteMs, secondMs } from '../kernel/units.js';
import { AsyncMachine } from './machine.js';
import type { AsyncEffect, AsyncEvent, AsyncInput, AsyncPolicy, AttemptEnd, Conclusion } from './messages.js';

const event = (more: Partial<AsyncEvent> = {}): AsyncEvent => ({
  requestId: 'r' as RequestId,
  account: '111111111111' as AccountId,
  region: 'us-east-1' as Region,
  functionName: 'f',
  qualifier: null,
  invokedFunctionArn: 'arn',
  clientContext: null,
  traceHeader: '',
  acceptedMs: 0,
  attempts: 0,
  setbacks: 0,
  ...more,
});

const quiet: AsyncPolicy = {
  retriesMax: limits.asyncRetriesMax,
  eventAgeMsMax: limits.asyncEventAgeMsMax,
  onSuccessArn: null,
  onFailureArn: null,
  deadLetterArn: null,
  zeroReserved: false,
};
const told: AsyncPolicy = { ...quiet, onSuccessArn: 'yes', onFailureArn: 'no', deadLetterArn: 'dead' };

const wake = (nowMs: number): AsyncInput => ({ kind: 'wake', nowMs });
const pulled = (
  nowMs: number,
  ids: string[],
  nextDueMs: number | null = null,
  more: Partial<AsyncEvent> = {},
  policy = quiet,
): AsyncInput => ({
  kind: 'pulled',
  nowMs,
  deliveries: ids.map((id) => ({ id, event: event(more), policy })),
  nextDueMs,
});

type Outcome = AttemptEnd['outcome'];

function endOf(outcome: Outcome): AttemptEnd {
  switch (outcome) {
    case 'success':
      return { outcome, executedVersion: '1', response: '{}' };
    case 'function-error':
      return { outcome, executedVersion: '1', functionError: 'Unhandled', response: '{}' };
    default:
      return { outcome, status: 500, message: 'm' };
  }
}
const ended = (nowMs: number, id: string, outcome: Outcome): AsyncInput => ({
  kind: 'attempt-ended',
  nowMs,
  id,
  ended: endOf(outcome),
});
const concluded = (nowMs: number, id: string, stored = true): AsyncInput => ({ kind: 'concluded', nowMs, id, stored });
const delivered: DeliveryEnd = { kind: 'delivered' };
const failed = (again: boolean): DeliveryEnd => ({ kind: 'failed', again, reason: 'why' });
const delivery = (nowMs: number, id: string, how: DeliveryEnd = delivered): AsyncInput => ({
  kind: 'delivered',
  nowMs,
  id,
  ended: how,
});

const rest = ({ condition, left, tries }: Conclusion) => `${condition} ${left.map(({ arn }) => arn)} t${tries}`;

function line(effect: AsyncEffect): string {
  switch (effect.kind) {
    case 'pull':
      return `pull ${effect.count}`;
    case 'attempt':
      return `attempt ${effect.id}${effect.keepsResponse ? ' keep' : ''}`;
    case 'conclude':
      return `conclude ${effect.id} a${effect.event.attempts} ${rest(effect.event.conclusion!)}`;
    case 'deliver':
      return `deliver ${effect.id} ${effect.conclusion.left[0]!.arn}`;
    case 'dropped':
      return `dropped ${effect.id} ${effect.reason}`;
    case 'undelivered':
      return `undelivered ${effect.id} ${effect.telling.kind}: ${effect.reason}`;
    case 'ack':
      return `ack ${effect.id} ${effect.reason}`;
    case 'nak': {
      const { attempts, setbacks, conclusion } = effect.event;
      const what = conclusion == null ? `a${attempts} s${setbacks}` : rest(conclusion);
      return `nak ${effect.id} ${effect.dueMs} ${what}`;
    }
    case 'extend':
      return `extend ${effect.id} ${effect.leaseUntilMs}`;
    case 'arm':
      return `arm ${effect.atMs}`;
  }
}

/** Without the pulling and the timers, which have tests of their own. */
const gist = (lines: string[][]) => lines.map((step) => step.filter((text) => !/^(pull|arm)/.test(text)));

function run(machine: AsyncMachine, ...inputs: AsyncInput[]): string[][] {
  return inputs.map((input) => machine.step(input).map(line));
}

test('golden trace: pull, attempt, success, and the next time to look', () => {
  const machine = new AsyncMachine({ attemptsInFlightMax: 2, leaseMs: 60_000 });
  assert.deepEqual(
    run(
      machine,
      wake(0),
      wake(0),
      pulled(1, ['m1', 'm2'], 1),
      ended(5, 'm1', 'success'),
      pulled(6, ['m3'], 9_000),
      ended(7, 'm2', 'throttled'),
      wake(1_007),
      pulled(1_008, ['m2'], null, { setbacks: 1 }),
      ended(1_009, 'm3', 'function-gone'),
      ended(1_009, 'm3', 'success'),
    ),
    [
      ['pull 2'],
      [],
      ['attempt m1', 'attempt m2', 'arm 30001'],
      ['ack m1 success', 'pull 1'],
      ['attempt m3', 'arm 9000'],
      ['nak m2 1007 a0 s1', 'arm 1007'],
      ['pull 1', 'arm 30001'],
      ['attempt m2'],
      ['dropped m3 function-gone', 'ack m3 function-gone'],
      [],
    ],
  );
});

test('throttled and failed by the platform: 1 s, doubling, at most 5 minutes, until the event is 6 hours old', () => {
  const machine = new AsyncMachine();
  const delays: number[] = [];
  let setbacks = 0;
  let nowMs = 0;
  for (;;) {
    machine.step(pulled(nowMs, ['m'], null, { setbacks }));
    const effects = machine.step(ended(nowMs, 'm', setbacks % 2 === 0 ? 'throttled' : 'system-error'));
    const effect = effects.find(({ kind }) => kind === 'nak');
    if (effect?.kind !== 'nak') {
      assert.deepEqual(effects.map(line).slice(0, 2), ['dropped m expired', 'ack m expired']);
      break;
    }
    delays.push((effect.dueMs - nowMs) / secondMs);
    setbacks = effect.event.setbacks;
    nowMs = effect.dueMs;
  }
  assert.deepEqual(delays.slice(0, 11), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  assert.ok(nowMs > 6 * hourMs - 5 * minuteMs && nowMs < 6 * hourMs);
});

test('an event that is too old when it is delivered is not attempted', () => {
  const machine = new AsyncMachine();
  assert.deepEqual(gist(run(machine, pulled(6 * hourMs, ['m']))), [['dropped m expired', 'ack m expired']]);
  const short = { ...told, eventAgeMsMax: minuteMs };
  assert.deepEqual(gist(run(machine, pulled(minuteMs, ['m'], null, {}, short))), [
    ['dropped m expired', 'conclude m a0 EventAgeExceeded no,dead t0'],
  ]);
});

test('function errors: tried again after one and two minutes, then concluded', () => {
  const after = (attempts: number, policy: AsyncPolicy, machine = new AsyncMachine()) => {
    machine.step(pulled(0, ['m'], null, { attempts, setbacks: 3 }, policy));
    return gist([machine.step(ended(0, 'm', 'function-error')).map(line)])[0];
  };
  assert.deepEqual(
    [0, 1, 2].map((attempts) => after(attempts, quiet)),
    [['nak m 60000 a1 s0'], ['nak m 120000 a2 s0'], ['dropped m retries-exhausted', 'ack m retries-exhausted']],
  );
  assert.deepEqual(after(2, told)?.[1], 'conclude m a3 RetriesExhausted no,dead t0');
  assert.deepEqual(after(0, { ...told, retriesMax: 0 })?.[1], 'conclude m a1 RetriesExhausted no,dead t0');
  assert.deepEqual(after(0, { ...told, retriesMax: 1 }), ['nak m 60000 a1 s0']);
  // A minute from now it will be too old.
  assert.deepEqual(after(0, { ...told, eventAgeMsMax: minuteMs })?.[1], 'conclude m a1 EventAgeExceeded no,dead t0');
  // Whoever tries out what becomes of errors need not wait for minutes.
  const quick = () => new AsyncMachine({ retryMs: 10 });
  assert.deepEqual([after(0, quiet, quick()), after(1, quiet, quick())], [['nak m 10 a1 s0'], ['nak m 20 a2 s0']]);
});

test('success is told after it is on disk, and to the destination of successes only', () => {
  const machine = new AsyncMachine();
  assert.deepEqual(
    gist(
      run(
        machine,
        pulled(0, ['m'], null, {}, told),
        ended(1, 'm', 'success'),
        // Nobody is told before, whatever is said.
        delivery(2, 'm'),
        concluded(3, 'm'),
        concluded(3, 'm'),
        delivery(4, 'm'),
      ),
    ),
    [['attempt m keep'], ['conclude m a1 Success yes t0'], [], ['deliver m yes'], [], ['ack m told']],
  );
  assert.deepEqual([machine.attemptsInFlight, machine.deliveriesInFlight], [0, 0]);
  const unwanted = { ...told, onSuccessArn: null };
  assert.deepEqual(gist(run(machine, pulled(0, ['n'], null, {}, unwanted), ended(1, 'n', 'success')))[1], [
    'ack n success',
  ]);
});

test('a failure is told to the destination, then to the dead-letter queue; who has been told is not told again', () => {
  const machine = new AsyncMachine();
  const once = { ...told, retriesMax: 0 };
  const lines = gist(
    run(
      machine,
      pulled(0, ['m'], null, {}, once),
      ended(1, 'm', 'function-error'),
      concluded(2, 'm'),
      delivery(3, 'm'),
      concluded(4, 'm'),
      delivery(5, 'm'),
    ),
  );
  assert.deepEqual(lines.slice(2), [
    ['deliver m no'],
    ['conclude m a1 RetriesExhausted dead t0'],
    ['deliver m dead'],
    ['ack m told'],
  ]);
});

test('an event of a function with zero reserved concurrency fails at once, one in a loop without a retry', () => {
  const machine = new AsyncMachine();
  assert.deepEqual(gist(run(machine, pulled(0, ['m'], null, {}, { ...told, zeroReserved: true }))), [
    ['dropped m zero-reserved', 'conclude m a0 ZeroReservedConcurrency no,dead t0'],
  ]);
  assert.deepEqual(gist(run(machine, pulled(0, ['n'], null, {}, { ...quiet, zeroReserved: true }))), [
    ['dropped n zero-reserved', 'ack n zero-reserved'],
  ]);
  assert.deepEqual(gist(run(machine, pulled(0, ['o'], null, {}, told), ended(1, 'o', 'recursion'))), [
    ['attempt o keep'],
    ['dropped o recursion', 'conclude o a0 RecursiveInvocation no,dead t0'],
  ]);
});

/** What is stored of an event whose function never runs again. */
const over = (more: Partial<Conclusion> = {}): Partial<AsyncEvent> => ({
  conclusion: {
    condition: 'Success',
    end: endOf('success'),
    atMs: 0,
    left: [{ kind: 'destination', arn: 'yes' }],
    tries: 0,
    ...more,
  },
});

test('a concluded event that comes back is told, never attempted, however old it is and whatever holds now', () => {
  const machine = new AsyncMachine();
  const lines = run(machine, pulled(10 * hourMs, ['m'], null, over(), { ...quiet, zeroReserved: true }));
  assert.deepEqual(gist(lines), [['deliver m yes']]);
  assert.deepEqual([machine.attemptsInFlight, machine.deliveriesInFlight], [0, 1]);
  assert.deepEqual(gist(run(machine, ended(1, 'm', 'function-error'))), [[]]);
});

test('a destination that fails is asked three times', () => {
  const machine = new AsyncMachine();
  const left = [
    { kind: 'destination', arn: 'no' },
    { kind: 'dead-letter', arn: 'dead' },
  ] as const;
  const steps = [0, 1, 2].map(
    (tries) => gist(run(machine, pulled(0, ['m'], null, over({ left, tries })), delivery(0, 'm', failed(true))))[1],
  );
  assert.deepEqual(steps, [
    ['nak m 1000 Success no,dead t1'],
    ['nak m 2000 Success no,dead t2'],
    ['undelivered m destination: why', 'conclude m a0 Success dead t0'],
  ]);
  // What another try would not change is not tried.
  const lines = gist(run(machine, concluded(1, 'm'), delivery(2, 'm', failed(false))));
  assert.deepEqual(lines, [['deliver m dead'], ['undelivered m dead-letter: why', 'ack m told']]);
});

test('a conclusion that cannot be stored is forgotten: the event comes back as it was when its lease is over', () => {
  const machine = new AsyncMachine();
  const lines = run(
    machine,
    pulled(0, ['m'], null, {}, told),
    ended(1, 'm', 'success'),
    concluded(2, 'm', false),
    pulled(minuteMs, ['m'], null, {}, told),
  );
  assert.deepEqual(gist(lines), [['attempt m keep'], ['conclude m a1 Success yes t0'], [], ['attempt m keep']]);
});

test('destinations that hang take no place of attempts; more conclusions than their bound wait, stored', () => {
  const machine = new AsyncMachine({ attemptsInFlightMax: 2, deliveriesInFlightMax: 1 });
  const lines = run(
    machine,
    pulled(0, ['a', 'b'], null, {}, told),
    ended(1, 'a', 'success'),
    ended(1, 'b', 'success'),
    wake(2),
    pulled(3, ['b', 'e'], null, over()),
    pulled(4, ['c', 'd'], null, {}, told),
  );
  assert.deepEqual(
    lines.slice(1).map((step) => step.filter((text) => !text.startsWith('arm'))),
    [
      ['conclude a a1 Success yes t0'],
      ['nak b 101 Success yes t0'],
      ['pull 2'],
      ['nak b 201 Success yes t0', 'nak e 301 Success yes t0'],
      ['attempt c keep', 'attempt d keep'],
    ],
  );
});

test('long attempts keep their lease; an event delivered again meanwhile is not attempted twice', () => {
  const machine = new AsyncMachine({ leaseMs: 60_000 });
  assert.deepEqual(run(machine, pulled(0, ['m']), wake(30_000), pulled(30_001, ['m'])), [
    ['attempt m', 'arm 30000'],
    ['extend m 90000', 'pull 99', 'arm 60000'],
    [],
  ]);
});

test('a timer that fires early does not lose the wake-up', () => {
  const machine = new AsyncMachine();
  const early = run(machine, pulled(0, [], 1_000), wake(999), pulled(999, [], 1_000));
  assert.deepEqual(early, [['arm 1000'], ['pull 100'], ['arm 1000']]);
});

const outcomes = ['success', 'function-error', 'throttled', 'system-error', 'function-gone', 'recursion'] as const;
const arn = (name: string) => fc.constantFrom(name, null);
const policy = fc.record({
  retriesMax: fc.integer({ min: 0, max: 2 }),
  eventAgeMsMax: fc.constantFrom(minuteMs, hourMs),
  onSuccessArn: arn('yes'),
  onFailureArn: arn('no'),
  deadLetterArn: arn('dead'),
  zeroReserved: fc.boolean(),
});

/** A queue, functions and destinations, all of chance; `kill` forgets the poller and what it had not stored. */
class Ground {
  readonly stored = new Map<string, { event: AsyncEvent; dueMs: number; leased: boolean }>();
  readonly running: string[] = [];
  readonly storing: { id: string; event: AsyncEvent }[] = [];
  readonly telling: { id: string; arn: string }[] = [];
  readonly acked: string[] = [];
  readonly told = new Set<string>();
  readonly #over = new Set<string>();
  machine: AsyncMachine;
  wakeMs = 0;
  nowMs = 0;

  constructor(
    readonly policy: AsyncPolicy,
    readonly options: { readonly attemptsInFlightMax: number; readonly deliveriesInFlightMax: number },
    accepted: readonly number[],
  ) {
    this.machine = new AsyncMachine(options);
    accepted.forEach((acceptedMs, id) => {
      this.stored.set(`m${id}`, { event: event({ acceptedMs }), dueMs: 0, leased: false });
    });
  }

  input(input: AsyncInput): void {
    for (const effect of this.machine.step(input)) this.#perform(effect);
    assert.ok(this.running.length <= this.options.attemptsInFlightMax);
    assert.ok(this.storing.length + this.telling.length <= this.options.deliveriesInFlightMax);
  }

  #perform(effect: AsyncEffect): void {
    switch (effect.kind) {
      case 'ack': {
        const { conclusion } = this.stored.get(effect.id)!.event;
        assert.equal(effect.reason === 'told', conclusion != null);
        for (const { arn } of conclusion?.left ?? [])
          assert.ok(this.told.has(`${effect.id} ${arn}`), 'nobody was told');
        assert.ok(this.stored.delete(effect.id));
        this.acked.push(effect.id);
        return;
      }
      case 'nak':
        this.#store(effect.id, effect.event, effect.dueMs);
        return;
      case 'attempt':
        assert.ok(!this.#over.has(effect.id), 'attempted after its conclusion');
        this.running.push(effect.id);
        return;
      case 'conclude':
        this.storing.push(effect);
        return;
      case 'deliver':
        assert.ok(this.#over.has(effect.id), 'told before it is stored');
        this.telling.push({ id: effect.id, arn: effect.conclusion.left[0]!.arn });
        return;
      case 'arm':
        this.wakeMs = effect.atMs;
        return;
      case 'extend':
        this.stored.get(effect.id)!.dueMs = effect.leaseUntilMs;
        return;
      case 'undelivered':
        this.told.add(`${effect.id} ${effect.telling.arn}`);
        return;
      case 'pull': {
        const due = [...this.stored].filter(([, { dueMs }]) => dueMs <= this.nowMs).slice(0, effect.count);
        for (const [, message] of due) Object.assign(message, { dueMs: this.nowMs + effect.leaseMs, leased: true });
        const deliveries = due.map(([id, { event }]) => ({ id, event, policy: this.policy }));
        const dues = [...this.stored.values()].map(({ dueMs }) => dueMs);
        const nextDueMs = dues.length === 0 ? null : Math.min(...dues);
        this.input({ kind: 'pulled', nowMs: this.nowMs, deliveries, nextDueMs });
      }
    }
  }

  #store(id: string, event: AsyncEvent, dueMs: number | null): void {
    if (event.conclusion != null) this.#over.add(id);
    const message = this.stored.get(id)!;
    message.event = event;
    if (dueMs !== null) Object.assign(message, { dueMs, leased: false });
  }

  /** Something that is under way ends, or time passes. */
  next(chance: number): void {
    const { running, storing, telling, nowMs } = this;
    const ends = outcomes[chance % outcomes.length]!;
    if (running.length > 0 && chance % 3 !== 0) {
      this.input(ended(nowMs, running.shift()!, ends));
    } else if (storing.length > 0) {
      const { id, event } = storing.shift()!;
      const stores = chance % 5 !== 0;
      if (stores) this.#store(id, event, null);
      this.input(concluded(nowMs, id, stores));
    } else if (telling.length > 0) {
      const { id, arn } = telling.shift()!;
      const end = [delivered, failed(true), failed(false)][chance % 3]!;
      if (end.kind === 'delivered') this.told.add(`${id} ${arn}`);
      this.input(delivery(nowMs, id, end));
    } else if (running.length > 0) {
      this.input(ended(nowMs, running.shift()!, ends));
    } else {
      assert.ok(this.wakeMs > nowMs, 'nothing is under way and nobody will wake');
      this.nowMs = this.wakeMs;
      this.input(wake(this.nowMs));
    }
  }

  /** `kill -9` and a new start. A delivery under way may have happened. */
  kill(chance: number): void {
    for (const { id, arn } of this.telling) if (chance % 2 === 0) this.told.add(`${id} ${arn}`);
    for (const list of [this.running, this.storing, this.telling]) list.length = 0;
    for (const message of this.stored.values()) {
      if (message.leased) Object.assign(message, { leased: false, dueMs: this.nowMs });
    }
    this.machine = new AsyncMachine(this.options);
    this.input(wake(this.nowMs));
  }
}

test('property: against a queue with random outcomes every event is acknowledged exactly once, in bounds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 30 }),
      policy,
      fc.infiniteStream(fc.nat(1_000)),
      fc.record({
        attemptsInFlightMax: fc.integer({ min: 1, max: 5 }),
        deliveriesInFlightMax: fc.integer({ min: 1, max: 5 }),
      }),
      fc.constantFrom(0, 7, 40),
      (accepted, policy, chance, options, killEvery) => {
        const ground = new Ground(policy, options, accepted);
        ground.input(wake(0));
        for (let step = 1; ground.stored.size > 0; step += 1) {
          assert.ok(step < 20_000, 'stuck');
          const draw = chance.next().value;
          // Killed for ever, nothing would ever end.
          if (killEvery > 0 && step % killEvery === 0 && step < 500) ground.kill(draw);
          else ground.next(draw);
        }
        assert.equal(ground.machine.attemptsInFlight + ground.machine.deliveriesInFlight, 0);
        assert.deepEqual(ground.acked.length, accepted.length);
        assert.equal(new Set(ground.acked).size, accepted.length);
      },
    ),
    { numRuns: 100 },
  );
});
