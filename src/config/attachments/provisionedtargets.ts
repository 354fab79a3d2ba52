import type { PoolSample } from '../../assignment/messages.js';
import type { FunctionState, VersionRecord } from '../messages.js';

/** What a pool has of its provisioned concurrency. */
export type ProvisionedPool = PoolSample['provisioned'];

/** What one configuration wants of one version. */
export interface ProvisionedShare {
  /** The version or alias that it is set on. */
  readonly qualifier: string;
  readonly version: string;
  readonly count: number;
}

/** What has become of one configuration. Counts: of sandboxes that exist, and of those that can serve at once. */
export interface ProvisionedStanding {
  readonly allocated: number;
  readonly available: number;
  /** Null: it goes on, or is there. */
  readonly failure: string | null;
}

/** StatusReason when functions fail while they initialize (recorded by several clients of the service). */
const initFailure = 'FUNCTION_ERROR_INIT_FAILURE';

/**
 * All shares, by name of their qualifier. An alias with two versions divides what it asks for by its weights, rounded;
 * together its shares are what it asks for.
 */
export function provisionedShares(state: FunctionState): readonly ProvisionedShare[] {
  return [...state.attachments.values()]
    .sort((a, b) => (a.qualifier < b.qualifier ? -1 : 1))
    .flatMap(({ qualifier, provisioned }): ProvisionedShare[] => {
      if (provisioned === null) return [];
      const { requested } = provisioned;
      const alias = state.aliases.get(qualifier);
      if (alias === undefined) return [{ qualifier, version: qualifier, count: requested }];
      if (alias.routing === null) return [{ qualifier, version: alias.version, count: requested }];
      const second = Math.round(requested * alias.routing.weight);
      return [
        { qualifier, version: alias.version, count: requested - second },
        { qualifier, version: alias.routing.version, count: second },
      ];
    });
}

/** How many sandboxes of which version shall always be there. Versions that are not active get theirs when they are. */
export function provisionedTargets(
  state: FunctionState,
): readonly { readonly record: VersionRecord; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const { version, count } of provisionedShares(state)) counts.set(version, (counts.get(version) ?? 0) + count);
  return [...counts].flatMap(([version, count]) => {
    const record = state.versions.get(version);
    return record === undefined || record.state !== 'Active' || count === 0 ? [] : [{ record, count }];
  });
}

/**
 * Two aliases of one version share its pool: what is there is told to the first by name until it has all that it asks
 * for, then to the next. `poolOf`: what the version's pool has; null: nothing is known of it.
 */
export function provisionedStanding(
  state: FunctionState,
  qualifier: string,
  poolOf: (record: VersionRecord) => ProvisionedPool | null,
): ProvisionedStanding {
  let allocated = 0;
  let available = 0;
  let failure: string | null = null;
  const before = new Map<string, number>();
  for (const { qualifier: by, version, count } of provisionedShares(state)) {
    const earlier = before.get(version) ?? 0;
    before.set(version, earlier + count);
    if (by !== qualifier || count === 0) continue;
    const record = state.versions.get(version);
    if (record === undefined) continue;
    if (record.state === 'Failed') failure ??= record.failure?.message ?? initFailure;
    const pool = record.state === 'Active' ? poolOf(record) : null;
    if (pool === null) continue;
    allocated += part(pool.allocated, earlier, count);
    available += part(pool.available, earlier, count);
    if (pool.failed) failure ??= initFailure;
  }
  return { allocated, available, failure };
}

function part(all: number, earlier: number, count: number): number {
  return Math.max(0, Math.min(count, all - earlier));
}
