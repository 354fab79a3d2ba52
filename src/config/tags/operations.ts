import { apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input, Output } from '../../wire/lambda/operations.js';
import type { Caller, FunctionAccess } from '../access.js';
import type { ConfigEngine } from '../engine.js';
import type { FunctionId } from '../messages.js';
import type { Tags } from './tags.js';

/** Resources beside functions that have tags of their own. `id`: the last part of the ARN. */
export interface TagTarget {
  tags(owner: Caller, id: string): Result<Tags>;
  /** Durable once it resolves. Checks the result with `taggedWith`. */
  tag(owner: Caller, id: string, set: Tags, remove: readonly string[]): Promise<Result<null>>;
}

type Target =
  | { readonly kind: 'function'; readonly id: FunctionId }
  | { readonly kind: 'other'; readonly owner: Caller; readonly id: string; readonly target: TagTarget };

/** `arn:aws:lambda:REGION:ACCOUNT:KIND:ID`, which the wire has checked. */
const pattern = /^arn:[^:]+:lambda:([^:]+):(\d{12}):([a-z-]+):([^:]+)(?::.+)?$/;

/** Tags of all resources that have an ARN: one method per operation of the Lambda API. */
export class TagOperations {
  readonly #engine: ConfigEngine;
  readonly #access: FunctionAccess;
  /** By kind of resource, as in ARNs. */
  readonly #targets = new Map<string, TagTarget>();

  constructor(engine: ConfigEngine, access: FunctionAccess) {
    this.#engine = engine;
    this.#access = access;
  }

  /** `kind`: as in ARNs, for example `event-source-mapping`. */
  add(kind: string, target: TagTarget): void {
    this.#targets.set(kind, target);
  }

  async listTags(caller: Caller, input: Input<'ListTags'>): Promise<Result<Output<'ListTags'>>> {
    const found = this.#target(caller, input.Resource, 'ListTags');
    if (!found.ok) return found;
    const { value } = found;
    if (value.kind === 'function') return ok({ Tags: this.#engine.table.state(value.id)?.record.tags ?? {} });
    const tags = value.target.tags(value.owner, value.id);
    return tags.ok ? ok({ Tags: tags.value }) : tags;
  }

  async tagResource(caller: Caller, input: Input<'TagResource'>): Promise<Result<Output<'TagResource'>>> {
    if (Object.keys(input.Tags).length === 0) {
      const message = 'An error occurred and the request cannot be processed.';
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    return await this.#tag(caller, input.Resource, input.Tags, [], 'TagResource');
  }

  async untagResource(caller: Caller, input: Input<'UntagResource'>): Promise<Result<Output<'UntagResource'>>> {
    return await this.#tag(caller, input.Resource, {}, input.TagKeys, 'UntagResource');
  }

  async #tag(
    caller: Caller,
    resource: string,
    set: Tags,
    remove: readonly string[],
    action: string,
  ): Promise<Result<null>> {
    const found = this.#target(caller, resource, action);
    if (!found.ok) return found;
    const { value } = found;
    if (value.kind === 'other') return await value.target.tag(value.owner, value.id, set, remove);
    const reply = await this.#engine.run(value.id, () => ok({ kind: 'tag', ...this.#engine.stamp(), set, remove }));
    return reply.ok ? ok(null) : reply;
  }

  #target(caller: Caller, resource: string, action: string): Result<Target> {
    const [, region, account, kind, id] = pattern.exec(resource) ?? [];
    if (kind === 'function') {
      const ref = this.#access.reference(caller, resource, null, action);
      if (!ref.ok) return ref;
      if (ref.value.qualifier !== null) {
        const message = 'Tags on function aliases and versions are not supported. Please specify a function ARN.';
        return fail(apiFailure('InvalidParameterValueException', message));
      }
      const existing = this.#access.existing(caller, resource, action);
      return existing.ok ? ok({ kind: 'function', id: existing.value }) : existing;
    }
    const target = this.#targets.get(kind ?? '');
    if (target === undefined || id === undefined || region !== caller.region || account !== caller.account) {
      return fail(apiFailure('ResourceNotFoundException', `The resource ${resource} does not exist.`));
    }
    return ok({ kind: 'other', owner: caller, id, target });
  }
}
