import { apiFailure } from '../../kernel/errors.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Kv, KvChange, Versioned } from '../../kernel/ports/kv.js';
import type { Random } from '../../kernel/ports/random.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Caller } from '../../wire/caller.js';
import type { FunctionConfiguration, Input, Output } from '../../wire/lambda/operations.js';
import { type FunctionRef, functionRef } from '../arns.js';
import { byText, page } from '../page.js';
import { tagsFailure } from '../tags/tags.js';
import { isSettled, type MappingRecord } from './record.js';
import { changedMapping, newMapping } from './settings.js';
import { mappedFunctionArn, mappingView } from './view.js';

type Scope = Pick<Caller, 'account' | 'region'>;
type Answer = Output<'GetEventSourceMapping'>;

/** What mappings need of the configuration of functions. */
export interface MappedFunctions {
  getFunctionConfiguration(
    caller: Scope,
    input: Input<'GetFunctionConfiguration'>,
  ): Promise<Result<FunctionConfiguration>>;
}

/** Says whether a mapping that is to be enabled can be polled at all. */
export interface SourceProbe {
  /** Null: it can. `timeoutSeconds` is the function's. */
  refusal(record: MappingRecord, timeoutSeconds: number): Promise<string | null>;
}

export interface MappingOptions {
  /** Owned by this service alone. */
  readonly kv: Kv;
  readonly clock: Clock;
  readonly random: Random;
  readonly functions: MappedFunctions;
  readonly probe: SourceProbe;
}

/** Mappings of an account in a region: each enabled one costs an outstanding request to its source. */
export const mappingsMax = 1_000;

/** Event source mappings: one method per operation, each resolving once what it says is durable. */
export class EventSourceMappings {
  readonly #options: MappingOptions;
  readonly #kv: Kv<MappingRecord>;
  readonly #records = new Map<string, Versioned<MappingRecord>>();
  /** How polling goes, by UUID: told, not kept. */
  readonly #results = new Map<string, string>();
  readonly #listeners = new Set<(uuid: string, record: MappingRecord | null) => void>();
  #turn: Promise<unknown> = Promise.resolve();
  #endWatch: () => void = () => {};

  private constructor(options: MappingOptions) {
    this.#options = options;
    this.#kv = options.kv as Kv<MappingRecord>;
  }

  static async open(options: MappingOptions): Promise<EventSourceMappings> {
    const mappings = new EventSourceMappings(options);
    for (const { key, value, revision } of await mappings.#kv.list('')) {
      mappings.#apply({ key, entry: { value, revision } });
    }
    mappings.#endWatch = mappings.#kv.watch('', (change) => mappings.#apply(change));
    return mappings;
  }

  async createEventSourceMapping(
    caller: Caller,
    input: Input<'CreateEventSourceMapping'>,
  ): Promise<Result<Output<'CreateEventSourceMapping'>>> {
    const { clock, random } = this.#options;
    const uuid = random.uuid();
    const made = newMapping(input, clock.nowMs(), uuid);
    if (!made.ok) return made;
    const untagged = tagsFailure(input.Tags ?? {});
    if (untagged !== null) return fail(untagged);
    const target = await this.#target(caller, input.FunctionName, 'CreateEventSourceMapping');
    if (!target.ok) return target;
    const enabled = input.Enabled ?? true;
    const record: MappingRecord = {
      uuid,
      account: caller.account,
      region: caller.region,
      ...made.value,
      functionName: target.value.id.name,
      qualifier: target.value.qualifier,
      enabled,
      state: enabled ? 'Creating' : 'Disabled',
      lastModifiedMs: clock.nowMs(),
      tags: input.Tags ?? {},
    };
    const double = this.#double(record);
    if (!double.ok) return double;
    const refused = await this.#refused(record, target.value.timeoutSeconds);
    if (!refused.ok) return refused;
    // One after the other: two clients that create the same mapping at once must not both succeed.
    return await this.#alone(async () => {
      const again = this.#double(record);
      return again.ok ? await this.#store(record, 0) : again;
    });
  }

  async getEventSourceMapping(
    caller: Caller,
    input: Input<'GetEventSourceMapping'>,
  ): Promise<Result<Output<'GetEventSourceMapping'>>> {
    const found = this.#find(caller, input.UUID);
    return found.ok ? ok(this.#view(found.value.value)) : found;
  }

  async updateEventSourceMapping(
    caller: Caller,
    input: Input<'UpdateEventSourceMapping'>,
  ): Promise<Result<Output<'UpdateEventSourceMapping'>>> {
    return await this.#alone(async () => {
      const found = this.#find(caller, input.UUID);
      if (!found.ok) return found;
      const { value: before, revision } = found.value;
      if (!isSettled(before)) return inUse('update');
      const settings = changedMapping(before, input);
      if (!settings.ok) return settings;
      const name = input.FunctionName ?? mappedFunctionArn(before);
      const enabled = input.Enabled ?? before.enabled;
      const target = await this.#target(caller, name, 'UpdateEventSourceMapping');
      // A mapping whose function is gone can still be stopped.
      if (!target.ok && (input.FunctionName !== undefined || enabled)) return target;
      const turned = enabled === before.enabled ? 'Updating' : enabled ? 'Enabling' : 'Disabling';
      const record: MappingRecord = {
        ...before,
        settings: settings.value,
        functionName: target.ok ? target.value.id.name : before.functionName,
        qualifier: target.ok ? target.value.qualifier : before.qualifier,
        enabled,
        state: turned,
        lastModifiedMs: this.#options.clock.nowMs(),
      };
      const double = this.#double(record);
      if (!double.ok) return double;
      const refused = await this.#refused(record, target.ok ? target.value.timeoutSeconds : 0);
      return refused.ok ? await this.#store(record, revision) : refused;
    });
  }

  async deleteEventSourceMapping(
    caller: Caller,
    input: Input<'DeleteEventSourceMapping'>,
  ): Promise<Result<Output<'DeleteEventSourceMapping'>>> {
    return await this.#alone(async () => {
      const found = this.#find(caller, input.UUID);
      if (!found.ok) return found;
      const { value: before, revision } = found.value;
      if (!isSettled(before)) return inUse('delete');
      return await this.#store({ ...before, enabled: false, state: 'Deleting' }, revision);
    });
  }

  async listEventSourceMappings(
    caller: Caller,
    input: Input<'ListEventSourceMappings'>,
  ): Promise<Result<Output<'ListEventSourceMappings'>>> {
    let wanted: FunctionRef | null = null;
    if (input.FunctionName !== undefined) {
      const ref = functionRef(caller.account, caller.region, input.FunctionName, null, 'ListEventSourceMappings');
      if (!ref.ok) return ref;
      wanted = ref.value;
    }
    const records = this.#of(caller).filter(
      (record) =>
        (input.EventSourceArn === undefined || record.sourceArn === input.EventSourceArn) &&
        (wanted === null || (record.functionName === wanted.id.name && record.qualifier === wanted.qualifier)),
    );
    records.sort((a, b) => byText(a.uuid, b.uuid));
    const paged = page(records, ({ uuid }) => uuid, byText, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    const { items, nextMarker } = paged.value;
    return ok({
      ...(nextMarker === null ? {} : { NextMarker: nextMarker }),
      EventSourceMappings: items.map((record) => this.#view(record)),
    });
  }

  all(): readonly MappingRecord[] {
    return [...this.#records.values()].map(({ value }) => value);
  }

  /** Null: gone. */
  find(uuid: string): MappingRecord | null {
    return this.#records.get(uuid)?.value ?? null;
  }

  /** Hears of every change; null: gone. The returned function ends it. */
  onChange(listener: (uuid: string, record: MappingRecord | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The poller has done what a state in -ing says. */
  async settle(uuid: string): Promise<void> {
    await this.#alone(async () => {
      const found = this.#records.get(uuid);
      if (found === undefined || isSettled(found.value)) return;
      const { value: record, revision } = found;
      const key = keyOf(record);
      if (record.state === 'Deleting') await this.#kv.transact([{ kind: 'delete', key, expected: revision }]);
      else {
        const value: MappingRecord = { ...record, state: record.enabled ? 'Enabled' : 'Disabled' };
        await this.#kv.transact([{ kind: 'put', key, value, expected: revision }]);
      }
    });
  }

  /** What LastProcessingResult says from now on. */
  note(uuid: string, result: string): void {
    if (this.#records.has(uuid)) this.#results.set(uuid, result);
  }

  /** The tags of a mapping, or null when there is none of this id. */
  tags({ account, region }: Scope, uuid: string): Readonly<Record<string, string>> | null {
    const record = this.#records.get(uuid)?.value;
    return record !== undefined && record.account === account && record.region === region ? record.tags : null;
  }

  async setTags(caller: Scope, uuid: string, tags: Readonly<Record<string, string>>): Promise<Result<null>> {
    return await this.#alone(async () => {
      const found = this.#find(caller, uuid);
      if (!found.ok) return found;
      const stored = await this.#store({ ...found.value.value, tags }, found.value.revision);
      return stored.ok ? ok(null) : stored;
    });
  }

  /** Finishes what is under way; the store stays open. */
  async close(): Promise<void> {
    await this.#turn;
    this.#endWatch();
  }

  async #alone<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => {});
    return await turn;
  }

  async #store(record: MappingRecord, expected: number): Promise<Result<Answer>> {
    const stored = await this.#kv.transact([{ kind: 'put', key: keyOf(record), value: record, expected }]);
    return stored ? ok(this.#view(record)) : inUse('update');
  }

  async #target(
    caller: Caller,
    name: string,
    action: string,
  ): Promise<Result<FunctionRef & { readonly timeoutSeconds: number }>> {
    const ref = functionRef(caller.account, caller.region, name, null, action);
    if (!ref.ok) return ref;
    const found = await this.#options.functions.getFunctionConfiguration(caller, {
      FunctionName: ref.value.id.name,
      ...(ref.value.qualifier === null ? {} : { Qualifier: ref.value.qualifier }),
    });
    if (found.ok) return ok({ ...ref.value, timeoutSeconds: found.value.Timeout ?? 0 });
    if (found.failure.code !== 'ResourceNotFoundException') return found;
    return fail(apiFailure('InvalidParameterValueException', 'Function does not exist'));
  }

  async #refused(record: MappingRecord, timeoutSeconds: number): Promise<Result<null>> {
    if (!record.enabled) return ok(null);
    const refusal = await this.#options.probe.refusal(record, timeoutSeconds);
    return refusal === null ? ok(null) : fail(apiFailure('InvalidParameterValueException', refusal));
  }

  /** One mapping for a source and a function; the texts are the service's (recorded). */
  #double(record: MappingRecord): Result<null> {
    const others = this.#of(record).filter(({ uuid }) => uuid !== record.uuid);
    if (others.length >= mappingsMax) {
      const message = `An account has at most ${mappingsMax} event source mappings in a region`;
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    const arn = mappedFunctionArn(record);
    const same = others.find((other) => mappedFunctionArn(other) === arn && sourceOf(other) === sourceOf(record));
    if (same === undefined) return ok(null);
    const advice = `Please update or delete the existing mapping with UUID ${same.uuid}`;
    const named = `arn (" ${record.sourceArn} ") and function (" ${record.functionName} ")`;
    const topics = (record.settings.Topics ?? []).join(',');
    const message =
      record.kind === 'sqs'
        ? `An event source mapping with SQS ${named} already exists. ${advice}`
        : record.kind === 'kafka'
          ? `An event source mapping with event source ("${brokersOf(record)}"), function ("${arn}"), topics ("${topics}") already exists. ${advice}`
          : `The event source ${named} provided mapping already exists. ${advice}`;
    return fail(apiFailure('ResourceConflictException', message));
  }

  #find({ account, region }: Scope, uuid: string): Result<Versioned<MappingRecord>> {
    const found = this.#records.get(uuid);
    if (found !== undefined && found.value.account === account && found.value.region === region) return ok(found);
    return fail(apiFailure('ResourceNotFoundException', 'The resource you requested does not exist.'));
  }

  #of({ account, region }: Scope): MappingRecord[] {
    return this.all().filter((record) => record.account === account && record.region === region);
  }

  #view(record: MappingRecord): Answer {
    return mappingView(record, this.#results.get(record.uuid) ?? null);
  }

  #apply({ key, entry }: KvChange<MappingRecord>): void {
    const uuid = key.slice(key.lastIndexOf('/') + 1);
    if (entry === null) {
      this.#records.delete(uuid);
      this.#results.delete(uuid);
    } else this.#records.set(uuid, entry);
    for (const listener of this.#listeners) listener(uuid, entry?.value ?? null);
  }
}

function keyOf({ account, region, uuid }: MappingRecord): string {
  return `m/${account}/${region}/${uuid}`;
}

function sourceOf(record: MappingRecord): string {
  return record.sourceArn ?? `${brokersOf(record)} ${(record.settings.Topics ?? []).join(',')}`;
}

function brokersOf({ settings }: MappingRecord): string {
  return (settings.SelfManagedEventSource?.Endpoints?.KAFKA_BOOTSTRAP_SERVERS ?? []).join(',');
}

function inUse(action: string): Result<never> {
  const message = `Cannot ${action} the event source mapping because it is in use.`;
  return fail(apiFailure('ResourceInUseException', message));
}
