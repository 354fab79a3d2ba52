import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  ExtensionsMachine,
  extensionsMax,
  externalShutdownMs,
  internalShutdownMs,
  runtimeShutdownMs,
} from './machine.js';
import type { ExtensionsEffect, ExtensionsInput, LaunchedProgram } from './messages.js';

const program = (name: string): LaunchedProgram => ({ name, problem: null });

/** A machine with calls counted, and what each step gave. */
class Bench {
  readonly machine: ExtensionsMachine;
  calls = 0;

  constructor(runtime: 'waiting' | 'started' | 'ready' = 'waiting') {
    this.machine = new ExtensionsMachine(runtime);
  }

  step(input: ExtensionsInput): readonly ExtensionsEffect[] {
    return this.machine.step(input);
  }

  register(name: string, events: readonly string[] = ['INVOKE', 'SHUTDOWN'], id = `id-${name}`) {
    this.calls += 1;
    return this.step({ kind: 'register', call: this.calls, id, name, events });
  }

  next(name: string) {
    this.calls += 1;
    return this.step({ kind: 'next', call: this.calls, id: `id-${name}` });
  }

  /** External extensions, initialized with the runtime. */
  static ready(...names: string[]): Bench {
    const bench = new Bench();
    bench.step({ kind: 'launched', programs: names.map(program) });
    for (const name of names) bench.register(name);
    bench.step({ kind: 'runtime-ready' });
    for (const name of names) bench.next(name);
    return bench;
  }
}

const kinds = (effects: readonly ExtensionsEffect[]) => effects.map(({ kind }) => kind);
const refusal = (effects: readonly ExtensionsEffect[]) => {
  const [effect] = effects;
  assert.ok(effects.length === 1 && effect?.kind === 'refuse', JSON.stringify(effects));
  return `${effect.errorType}: ${effect.message}`;
};

describe('extensions: init', () => {
  it('starts the runtime when all external ones registered; is over when all asked for the next', () => {
    const bench = new Bench();
    assert.deepEqual(bench.step({ kind: 'launched', programs: [program('a'), program('b')] }), []);
    assert.deepEqual(kinds(bench.register('a')), ['registered']);
    assert.deepEqual(kinds(bench.register('b')), ['registered', 'start-runtime']);
    assert.deepEqual(bench.next('a'), []);
    assert.deepEqual(bench.step({ kind: 'runtime-ready' }), []);
    const effects = bench.next('b');
    assert.deepEqual(kinds(effects), ['tell', 'tell', 'init-done']);
    assert.deepEqual(effects[0], {
      kind: 'tell',
      name: 'a',
      state: 'Ready',
      events: ['INVOKE', 'SHUTDOWN'],
      errorType: null,
    });
  });

  it('takes internal ones until the runtime is ready', () => {
    const bench = new Bench('started');
    assert.deepEqual(kinds(bench.register('in', ['INVOKE'])), ['registered']);
    assert.deepEqual(bench.step({ kind: 'runtime-ready' }), []);
    assert.equal(
      refusal(bench.register('late', [])),
      'Extension.RegistrationClosed: Extension registration closed already',
    );
    assert.deepEqual(kinds(bench.next('in')), ['tell', 'init-done']);
    const ready = new Bench('ready');
    assert.match(refusal(ready.register('x', [])), /^Extension\.RegistrationClosed/);
  });

  it('refuses in the words of the emulator', () => {
    const bench = new Bench();
    bench.step({ kind: 'launched', programs: [program('a')] });
    assert.equal(refusal(bench.register('a', ['X'])), 'Extension.InvalidEventType: X: ErrorInvalidEventType');
    assert.equal(
      refusal(bench.register('in', ['SHUTDOWN'])),
      'Extension.InvalidEventType: SHUTDOWN: ShutdownEventNotSupportedForInternalExtension',
    );
    bench.register('a');
    assert.equal(
      refusal(bench.register('a')),
      'Extension.InvalidExtensionState: State transition from Registered to Registered failed for extension a. Error: State transition is not allowed',
    );
    assert.equal(refusal(bench.next('nobody')), 'Extension.UnknownExtensionIdentifier: Unknown extension id-nobody');
    bench.register('in', []);
    assert.equal(
      refusal(bench.register('in', [])),
      'Extension.InvalidExtensionState: Extension with this name already registered',
    );
    for (let count = 2; count < extensionsMax; count += 1) bench.register(`in${count}`, []);
    assert.equal(
      refusal(bench.register('more', [])),
      `Extension.TooManyExtensions: Extension limit (${extensionsMax}) reached`,
    );
    bench.next('a');
    assert.match(refusal(bench.next('a')), /State transition from Ready to Ready failed for extension id-a\./);
  });

  it('fails with what an extension reported, when it ends', () => {
    const bench = new Bench();
    bench.step({ kind: 'launched', programs: [program('a')] });
    bench.register('a');
    const report = { kind: 'init-error', call: 90, id: 'id-a', errorType: 'Extension.Mine' } as const;
    assert.deepEqual(kinds(bench.step(report)), ['accept']);
    assert.deepEqual(kinds(bench.step(report)), ['accept']);
    assert.match(refusal(bench.next('a')), /from InitError to Ready/);
    const [told, failed] = bench.step({ kind: 'exited', program: 1, how: 'exit status 1' });
    assert.deepEqual(told, {
      kind: 'tell',
      name: 'a',
      state: 'InitError',
      events: ['INVOKE', 'SHUTDOWN'],
      errorType: 'Extension.Mine',
    });
    assert.deepEqual(failed, { kind: 'failed', errorType: 'Extension.InitError', message: 'exit status 1' });
    assert.equal(
      refusal(bench.step({ ...report, kind: 'exit-error', id: 'x' })),
      'Extension.UnknownExtensionIdentifier: Unknown extension-id',
    );
  });

  it('fails at once when one cannot be started, and with Extension.Crash when one ends by itself', () => {
    const bench = new Bench();
    const problem = { errorType: 'PermissionDenied', message: 'fork/exec /opt/extensions/a: permission denied' };
    const effects = bench.step({ kind: 'launched', programs: [{ name: 'a', problem }, program('b')] });
    assert.deepEqual(effects, [
      { kind: 'tell', name: 'a', state: 'LaunchError', events: [], errorType: 'PermissionDenied' },
      { kind: 'tell', name: 'b', state: 'Started', events: [], errorType: null },
      { kind: 'failed', errorType: 'Extension.LaunchError', message: problem.message },
    ]);
    const other = new Bench();
    other.step({ kind: 'launched', programs: [program('a')] });
    assert.deepEqual(other.step({ kind: 'exited', program: 1, how: 'exit code 0' }), [
      { kind: 'tell', name: 'a', state: 'Started', events: [], errorType: 'Extension.Crash' },
      { kind: 'failed', errorType: 'Extension.Crash', message: 'exit code 0' },
    ]);
  });
});

describe('extensions: invoke', () => {
  it('is over when the runtime answered and all that got it asked for the next, in any order', () => {
    const bench = Bench.ready('a', 'b');
    assert.deepEqual(kinds(bench.step({ kind: 'invoke' })), ['send-invoke', 'send-invoke']);
    assert.equal(bench.machine.busy, true);
    assert.deepEqual(bench.next('a'), []);
    assert.deepEqual(bench.step({ kind: 'runtime-done' }), []);
    assert.deepEqual(kinds(bench.next('b')), ['invoke-done']);
    assert.equal(bench.machine.busy, false);
    bench.step({ kind: 'invoke' });
    bench.next('a');
    bench.next('b');
    assert.equal(bench.machine.busy, false);
    assert.deepEqual(kinds(bench.step({ kind: 'runtime-done' })), ['invoke-done']);
  });

  it('does not concern those who did not ask for it', () => {
    const bench = new Bench();
    bench.step({ kind: 'launched', programs: [program('a')] });
    bench.register('a', ['SHUTDOWN']);
    bench.step({ kind: 'runtime-ready' });
    bench.next('a');
    assert.deepEqual(bench.step({ kind: 'invoke' }), []);
    assert.equal(bench.machine.busy, false);
    assert.deepEqual(kinds(bench.step({ kind: 'runtime-done' })), ['invoke-done']);
  });

  it('reaches one whose connection had broken when it asks again', () => {
    const bench = Bench.ready('a');
    bench.step({ kind: 'hung-up', call: bench.calls });
    assert.deepEqual(bench.step({ kind: 'invoke' }), []);
    assert.equal(bench.machine.busy, true);
    assert.deepEqual(kinds(bench.next('a')), ['send-invoke']);
    bench.step({ kind: 'runtime-done' });
    assert.deepEqual(kinds(bench.next('a')), ['invoke-done']);
  });

  it('fails when one ends', () => {
    const bench = Bench.ready('a');
    bench.step({ kind: 'invoke' });
    bench.step({ kind: 'exit-error', call: 90, id: 'id-a', errorType: 'Mine' });
    assert.deepEqual(bench.step({ kind: 'exited', program: 1, how: 'exit status 2' }), [
      { kind: 'failed', errorType: 'Extension.ExitError', message: 'exit status 2' },
    ]);
  });
});

describe('extensions: shutdown', () => {
  it('without any is over at once', () => {
    assert.deepEqual(new Bench('ready').step({ kind: 'shutdown', nowMs: 0, reason: 'SPINDOWN' }), [{ kind: 'over' }]);
  });

  it('with internal ones gives the runtime its time', () => {
    const bench = new Bench('started');
    bench.register('in', ['INVOKE']);
    bench.step({ kind: 'runtime-ready' });
    bench.next('in');
    assert.deepEqual(bench.step({ kind: 'shutdown', nowMs: 1000, reason: 'SPINDOWN' }), [
      { kind: 'signal', program: 0, name: 'SIGTERM' },
      { kind: 'arm', atMs: 1000 + internalShutdownMs },
    ]);
    assert.equal(bench.step({ kind: 'exited', program: 0, how: '' }).at(-1)?.kind, 'over');
  });

  it('stops the runtime, then tells the extensions, then waits for their end', () => {
    const bench = Bench.ready('a', 'b');
    assert.deepEqual(bench.step({ kind: 'shutdown', nowMs: 1000, reason: 'SPINDOWN' }), [
      { kind: 'signal', program: 0, name: 'SIGTERM' },
      { kind: 'arm', atMs: 1000 + runtimeShutdownMs },
    ]);
    const told = bench.step({ kind: 'exited', program: 0, how: '' });
    assert.deepEqual(kinds(told), ['send-shutdown', 'send-shutdown', 'arm']);
    assert.deepEqual(told[0], {
      kind: 'send-shutdown',
      call: 3,
      reason: 'SPINDOWN',
      deadlineMs: 1000 + externalShutdownMs,
    });
    assert.deepEqual(bench.step({ kind: 'exited', program: 2, how: '' }), []);
    assert.deepEqual(bench.step({ kind: 'exited', program: 1, how: '' }), [{ kind: 'over' }]);
  });

  it('kills a runtime that stays, extensions that did not ask, and ends at the deadline', () => {
    const bench = new Bench();
    bench.step({ kind: 'launched', programs: [program('a'), program('b')] });
    bench.register('a', []);
    bench.register('b');
    bench.step({ kind: 'shutdown', nowMs: 0, reason: 'TIMEOUT' });
    assert.deepEqual(bench.step({ kind: 'timer' }), [
      { kind: 'signal', program: 0, name: 'SIGKILL' },
      { kind: 'signal', program: 1, name: 'SIGKILL' },
      { kind: 'arm', atMs: externalShutdownMs },
    ]);
    bench.step({ kind: 'exited', program: 1, how: '' });
    // Busy until now: it learns of it when it asks.
    assert.deepEqual(kinds(bench.next('b')), ['send-shutdown']);
    assert.deepEqual(bench.step({ kind: 'timer' }), [{ kind: 'over' }]);
  });
});

describe('extensions: any order of events', () => {
  it('answers every call at most once and ends', () => {
    const names = ['a', 'b', 'c'];
    const input = fc.oneof(
      fc.record({
        kind: fc.constant('register' as const),
        who: fc.nat(2),
        events: fc.subarray(['INVOKE', 'SHUTDOWN', 'X']),
      }),
      fc.record({
        kind: fc.constantFrom('next' as const, 'init-error' as const, 'exit-error' as const),
        who: fc.nat(2),
      }),
      fc.record({
        kind: fc.constantFrom('runtime-ready' as const, 'invoke' as const, 'runtime-done' as const),
        who: fc.nat(2),
      }),
      fc.record({ kind: fc.constant('exited' as const), who: fc.nat(2) }),
      fc.record({ kind: fc.constant('shutdown' as const), who: fc.nat(2) }),
    );
    fc.assert(
      fc.property(fc.array(input, { maxLength: 40 }), (inputs) => {
        const bench = new Bench();
        const answered = new Set<number>();
        let over = 0;
        const see = (effects: readonly ExtensionsEffect[]) => {
          for (const effect of effects) {
            if ('call' in effect) {
              assert.ok(!answered.has(effect.call), 'answered twice');
              answered.add(effect.call);
            }
            if (effect.kind === 'over') over += 1;
          }
        };
        see(bench.step({ kind: 'launched', programs: [program('a'), program('b')] }));
        let call = 0;
        for (const one of inputs) {
          const name = names[one.who]!;
          const id = `id-${name}`;
          call += 1;
          switch (one.kind) {
            case 'register':
              see(bench.step({ kind: 'register', call, id, name, events: 'events' in one ? one.events : [] }));
              break;
            case 'next':
              see(bench.step({ kind: 'next', call, id }));
              break;
            case 'init-error':
            case 'exit-error':
              see(bench.step({ kind: one.kind, call, id, errorType: 'E' }));
              break;
            case 'exited':
              see(bench.step({ kind: 'exited', program: one.who, how: '' }));
              break;
            case 'shutdown':
              see(bench.step({ kind: 'shutdown', nowMs: 0, reason: 'FAILURE' }));
              break;
            default:
              see(bench.step({ kind: one.kind }));
          }
        }
        see(bench.step({ kind: 'shutdown', nowMs: 0, reason: 'FAILURE' }));
        see(bench.step({ kind: 'timer' }));
        see(bench.step({ kind: 'timer' }));
        assert.equal(over, 1, 'the shutdown ends once');
      }),
      { numRuns: 300 },
    );
  });
});
