import { limits } from '../kernel/limits.js';
import { kib, mib, minuteMs, secondMs } from '../kernel/units.js';
import type { PollEffect, PolledMessage, PollInput, PollSettings } from './messages.js';

interface Held extends PolledMessage {
  readonly hiddenUntilMs: number;
}

interface Batch {
  readonly messages: readonly Held[];
  readonly setbacks: number;
  /** Null: being invoked. Otherwise when it is tried again. */
  readonly retryMs: number | null;
}

type Received = Extract<PollInput, { kind: 'received' }>;
type Invoked = Extract<PollInput, { kind: 'invoked' }>;

/** One receive gives no more (Amazon SQS API, ReceiveMessage). */
const receiveCountMax = 10;
/** As Lambda begins with (AWS documentation, "Amazon SQS event poller scaling behavior"): five pollers. */
const receivesMax = 5;
/** A batch's payload is one synchronous invocation's; the rest is for `{"Records":[]}` and to spare. */
const batchBytesMax = limits.syncPayloadBytesMax - kib;
/** Beyond this nothing more is received until batches end: so much one mapping may hold in memory. */
const heldBytesMax = 64 * mib;
/** Receives that fail, and functions that are throttled or not there, are tried again after 1 s, doubling to a minute. */
const setbackMsMin = secondMs;
const setbackMsMax = minuteMs;
/** 2^6 s is the first doubling beyond a minute. */
const setbackDoublingsMax = 6;

export const succeeded = 'OK';
export const functionFailed = 'PROBLEM: Function call failed';

/**
 * Polls one queue for one mapping: decides when to receive, what a batch is, and what becomes of its messages. A message
 * is deleted once its function succeeded with it, or when no filter wants it; all others come back by themselves.
 */
export class PollMachine {
  #settings: PollSettings = { enabled: false, batchSize: 1, windowMs: 0, concurrencyMax: 1 };
  readonly #receives = new Set<number>();
  readonly #batches = new Map<number, Batch>();
  #gathered: Held[] = [];
  #gatheredMs = 0;
  #heldBytes = 0;
  #nextId = 1;
  /** Receives at once: more while they come back full. */
  #receivesWanted = 1;
  #pausedMs = 0;
  #setbacks = 0;
  #noted = succeeded;
  #armedMs = Number.POSITIVE_INFINITY;
  #quiet = true;

  /** Invocations under way or waiting to be tried again. */
  get batchCount(): number {
    return this.#batches.size;
  }

  step(input: PollInput): readonly PollEffect[] {
    const effects: PollEffect[] = [];
    switch (input.kind) {
      case 'configure':
        this.#settings = input.settings;
        this.#quiet = false;
        this.#pausedMs = 0;
        break;
      case 'received':
        this.#onReceived(input, effects);
        break;
      case 'receive-failed':
        if (!this.#receives.delete(input.receiveId)) break;
        this.#pause(input.nowMs);
        this.#note(`PROBLEM: ${input.problem}`, effects);
        break;
      case 'invoked':
        this.#onInvoked(input, effects);
        break;
      case 'wake':
        // Timers may fire a little early: every wake arms anew.
        this.#armedMs = Number.POSITIVE_INFINITY;
        break;
    }
    if (this.#settings.enabled) {
      this.#retry(input.nowMs, effects);
      this.#flush(input.nowMs, effects);
      this.#receive(input.nowMs, effects);
      this.#arm(effects, input.nowMs);
    } else this.#wind(effects);
    return effects;
  }

  #onReceived({ nowMs, receiveId, messages, hiddenUntilMs }: Received, effects: PollEffect[]): void {
    if (!this.#receives.delete(receiveId)) return;
    if (this.#setbacks > 0 && this.#batches.size === 0) this.#note(succeeded, effects);
    this.#setbacks = 0;
    const isFull = messages.length >= Math.min(receiveCountMax, this.#settings.batchSize);
    this.#receivesWanted = isFull ? Math.min(receivesMax, this.#receivesWanted + 1) : 1;
    const unwanted = messages.filter(({ wanted }) => !wanted).map(({ id }) => id);
    if (unwanted.length > 0) effects.push({ kind: 'delete', ids: unwanted });
    for (const message of messages) {
      if (!message.wanted) continue;
      if (this.#gathered.length === 0) this.#gatheredMs = nowMs;
      this.#gathered.push({ ...message, hiddenUntilMs });
      this.#heldBytes += message.bytes;
    }
  }

  #onInvoked({ nowMs, batchId, outcome, failedIds }: Invoked, effects: PollEffect[]): void {
    const batch = this.#batches.get(batchId);
    if (batch === undefined || batch.retryMs !== null) return;
    this.#batches.delete(batchId);
    switch (outcome) {
      case 'success': {
        const failed = new Set(failedIds);
        this.#end(batch, effects, (id) => !failed.has(id));
        this.#note(succeeded, effects);
        return;
      }
      case 'function-error':
        this.#end(batch, effects, () => false);
        // Fewer messages at once meet a function that fails, as with Lambda.
        this.#receivesWanted = 1;
        this.#note(functionFailed, effects);
        return;
      case 'gone':
        this.#end(batch, effects, () => false);
        this.#pause(nowMs);
        this.#note('PROBLEM: Function not found', effects);
        return;
      case 'throttled':
      case 'system-error': {
        const retryMs = nowMs + setbackMs(batch.setbacks);
        this.#receivesWanted = 1;
        this.#note(outcome === 'throttled' ? 'PROBLEM: Function call was throttled' : functionFailed, effects);
        // As documented: tried again until the queue would give the messages to somebody else.
        if (batch.messages.some(({ hiddenUntilMs }) => hiddenUntilMs <= retryMs))
          this.#end(batch, effects, () => false);
        else this.#batches.set(batchId, { ...batch, setbacks: batch.setbacks + 1, retryMs });
      }
    }
  }

  #end(batch: Batch, effects: PollEffect[], isDone: (id: string) => boolean): void {
    const ids = batch.messages.map(({ id }) => id);
    const done = ids.filter(isDone);
    const rest = ids.filter((id) => !isDone(id));
    for (const { bytes } of batch.messages) this.#heldBytes -= bytes;
    if (done.length > 0) effects.push({ kind: 'delete', ids: done });
    if (rest.length > 0) effects.push({ kind: 'forget', ids: rest });
  }

  #pause(nowMs: number): void {
    this.#pausedMs = nowMs + setbackMs(this.#setbacks);
    this.#setbacks += 1;
    this.#receivesWanted = 1;
  }

  #retry(nowMs: number, effects: PollEffect[]): void {
    for (const [batchId, batch] of this.#batches) {
      if (batch.retryMs === null || batch.retryMs > nowMs) continue;
      this.#batches.set(batchId, { ...batch, retryMs: null });
      effects.push({ kind: 'invoke', batchId, ids: batch.messages.map(({ id }) => id) });
    }
  }

  /** Batches that are full, or whose time has come, go to the function while there is room. */
  #flush(nowMs: number, effects: PollEffect[]): void {
    const { batchSize, windowMs, concurrencyMax } = this.#settings;
    while (this.#gathered.length > 0 && this.#batches.size < concurrencyMax) {
      let count = 0;
      let bytes = 0;
      for (const message of this.#gathered) {
        // A single message always fits: a queue's largest is 1 MiB.
        if (count > 0 && (count >= batchSize || bytes + message.bytes > batchBytesMax)) break;
        count += 1;
        bytes += message.bytes;
      }
      const isFull = count >= batchSize || count < this.#gathered.length;
      if (!isFull && nowMs < this.#gatheredMs + windowMs) return;
      const messages = this.#gathered.splice(0, count);
      const batchId = this.#nextId++;
      this.#gatheredMs = nowMs;
      this.#batches.set(batchId, { messages, setbacks: 0, retryMs: null });
      effects.push({ kind: 'invoke', batchId, ids: messages.map(({ id }) => id) });
    }
  }

  #receive(nowMs: number, effects: PollEffect[]): void {
    const { batchSize, concurrencyMax } = this.#settings;
    if (nowMs < this.#pausedMs || this.#heldBytes >= heldBytesMax || this.#gathered.length >= batchSize) return;
    if ([...this.#batches.values()].some(({ setbacks }) => setbacks > 0)) return;
    // Without a window every receive becomes a batch, and must not wait for room: its visibility timeout runs.
    const room = concurrencyMax - this.#batches.size;
    const wanted = Math.min(this.#receivesWanted, room) - this.#receives.size;
    for (let started = 0; started < wanted; started += 1) {
      const receiveId = this.#nextId++;
      this.#receives.add(receiveId);
      effects.push({ kind: 'receive', receiveId, count: Math.min(receiveCountMax, batchSize) });
    }
  }

  /** Disabled: what was received and not tried goes back; what is under way ends. */
  #wind(effects: PollEffect[]): void {
    const untried = this.#gathered;
    this.#gathered = [];
    for (const [batchId, batch] of this.#batches) {
      if (batch.retryMs === null) continue;
      this.#batches.delete(batchId);
      untried.push(...batch.messages);
    }
    for (const { bytes } of untried) this.#heldBytes -= bytes;
    if (untried.length > 0) effects.push({ kind: 'release', ids: untried.map(({ id }) => id) });
    if (this.#receives.size > 0 || this.#quiet) return;
    this.#quiet = true;
    effects.push({ kind: 'quiet' });
  }

  #arm(effects: PollEffect[], nowMs: number): void {
    let atMs = this.#pausedMs > nowMs ? this.#pausedMs : Number.POSITIVE_INFINITY;
    if (this.#gathered.length > 0 && this.#batches.size < this.#settings.concurrencyMax) {
      atMs = Math.min(atMs, this.#gatheredMs + this.#settings.windowMs);
    }
    for (const { retryMs } of this.#batches.values()) if (retryMs !== null) atMs = Math.min(atMs, retryMs);
    if (atMs === this.#armedMs || atMs === Number.POSITIVE_INFINITY) return;
    this.#armedMs = atMs;
    effects.push({ kind: 'arm', atMs });
  }

  #note(text: string, effects: PollEffect[]): void {
    if (text === this.#noted) return;
    this.#noted = text;
    effects.push({ kind: 'note', text });
  }
}

function setbackMs(setbacks: number): number {
  return Math.min(setbackMsMax, setbackMsMin * 2 ** Math.min(setbacks, setbackDoublingsMax));
}
