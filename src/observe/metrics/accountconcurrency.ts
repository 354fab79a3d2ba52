import { type Family, labels, type Sample } from './exposition.js';

interface Scope {
  readonly account: string;
  readonly region: string;
}

/** Who knows what is taken of the concurrency of accounts, in each of their regions. */
export interface ConcurrencySource {
  /** Invocations in flight that took from the unreserved pool. */
  unreserved(): Iterable<Scope & { readonly inFlight: number }>;
  /** Reserved by all functions, and provisioned by those without a reservation: with one it is a part of that. */
  commitments(): Iterable<Scope & { readonly reserved: number; readonly provisioned: number }>;
}

/** Concurrency of accounts, by region; of those that were invoked in, or have reserved or provisioned any. */
export function accountFamilies(source: ConcurrencySource): readonly Family[] {
  return [
    {
      name: 'hearth_lambda_unreserved_concurrent_executions',
      type: 'gauge',
      help: 'Invocations in flight that use unreserved concurrency (AWS: UnreservedConcurrentExecutions).',
      samples: () => taken(source, false),
    },
    {
      name: 'hearth_lambda_claimed_account_concurrency',
      type: 'gauge',
      help: 'These, and all that is reserved or provisioned, used or not (AWS: ClaimedAccountConcurrency).',
      samples: () => taken(source, true),
    },
  ];
}

function* taken(source: ConcurrencySource, isClaimed: boolean): Iterable<Sample> {
  const counts = new Map<string, number>();
  for (const { account, region, inFlight } of source.unreserved()) counts.set(labels({ account, region }), inFlight);
  for (const { account, region, reserved, provisioned } of source.commitments()) {
    const of = labels({ account, region });
    counts.set(of, (counts.get(of) ?? 0) + (isClaimed ? reserved + provisioned : 0));
  }
  for (const [given, value] of counts) yield { labels: given, value };
}
