import { apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Caller } from '../access.js';
import type { TagTarget } from '../tags/operations.js';
import { type Tags, taggedWith } from '../tags/tags.js';
import type { EventSourceMappings } from './mappings.js';

/** Tags of event source mappings, by UUID. */
export class MappingTags implements TagTarget {
  readonly #mappings: Pick<EventSourceMappings, 'tags' | 'setTags'>;

  constructor(mappings: Pick<EventSourceMappings, 'tags' | 'setTags'>) {
    this.#mappings = mappings;
  }

  tags(owner: Caller, id: string): Result<Tags> {
    const tags = this.#mappings.tags(owner, id);
    if (tags !== null) return ok(tags);
    return fail(apiFailure('ResourceNotFoundException', 'The resource you requested does not exist.'));
  }

  async tag(owner: Caller, id: string, set: Tags, remove: readonly string[]): Promise<Result<null>> {
    const before = this.tags(owner, id);
    if (!before.ok) return before;
    const after = taggedWith(before.value, set, remove);
    return after.ok ? await this.#mappings.setTags(owner, id, after.value) : after;
  }
}
