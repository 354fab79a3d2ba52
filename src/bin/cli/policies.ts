import type { Argv } from 'yargs';
import {
  defaultChoice,
  forecastNames,
  forecastOf,
  keepAliveNames,
  keepAliveOf,
} from '../../capacity/policies/catalog.js';
import type { PolicyChoice } from '../../capacity/policies/policy.js';
import { hourMs, minuteMs, secondMs } from '../../kernel/units.js';
import { CommandError } from './terminal.js';

/** Options that say how sandboxes come and go. */
export function policyOptions<Options>(command: Argv<Options>) {
  return command
    .option('proactive', {
      choices: ['on', 'off'] as const,
      default: 'on' as const,
      describe:
        'start sandboxes before somebody waits for them (deploys, rotation, forecasts), and give who waits whichever is free first',
    })
    .option('keep-alive', {
      type: 'string',
      describe: `how long idle sandboxes stay: ${keepAliveNames.join(', ')} (default: ${defaultChoice.keepAlive}; tag hearth:keep-alive for one function)`,
      requiresArg: true,
    })
    .option('forecast', {
      type: 'string',
      describe: `how many are expected: ${forecastNames.join(', ')} (default: ${defaultChoice.forecast}; tag hearth:forecast for one function)`,
      requiresArg: true,
    })
    .option('sandbox-lifetime', {
      type: 'string',
      describe: 'shortest and longest life of a sandbox (default: 1h..4h)',
      requiresArg: true,
    });
}

export interface LifePolicies {
  readonly proactive: boolean;
  readonly policies: Partial<PolicyChoice>;
  readonly lifetime: SandboxLifetime | null;
}

/** How long sandboxes live: `ms`, of single ones less by up to `spread` of it (0–1). */
export interface SandboxLifetime {
  readonly ms: number;
  readonly spread: number;
}

/** Throws CommandError for what cannot be. */
export function policiesOf(options: {
  readonly proactive: 'on' | 'off';
  readonly 'keep-alive'?: string | undefined;
  readonly forecast?: string | undefined;
  readonly 'sandbox-lifetime'?: string | undefined;
}): LifePolicies {
  const { 'keep-alive': keepAlive, forecast, 'sandbox-lifetime': lifetime } = options;
  if (keepAlive !== undefined && keepAliveOf(keepAlive) === undefined) {
    throw new CommandError(`--keep-alive takes one of ${keepAliveNames.join(', ')} (N minutes, 1 to 1440)`, 64);
  }
  if (forecast !== undefined && forecastOf(forecast) === undefined) {
    throw new CommandError(`--forecast takes one of ${forecastNames.join(', ')}`, 64);
  }
  return {
    proactive: options.proactive === 'on',
    policies: { ...(keepAlive === undefined ? {} : { keepAlive }), ...(forecast === undefined ? {} : { forecast }) },
    lifetime: lifetime === undefined ? null : lifetimeOf(lifetime),
  };
}

const unitsMs: Readonly<Record<string, number>> = { s: secondMs, m: minuteMs, h: hourMs };

/** `MIN..MAX`, each a number with `s`, `m` or `h`: `1h..4h`, `60s..2m`. */
export function lifetimeOf(text: string): SandboxLifetime {
  const parts = /^(\d{1,6})([smh])\.\.(\d{1,6})([smh])$/.exec(text);
  const leastMs = Number(parts?.[1]) * (unitsMs[parts?.[2] ?? ''] ?? Number.NaN);
  const ms = Number(parts?.[3]) * (unitsMs[parts?.[4] ?? ''] ?? Number.NaN);
  if (!(leastMs > 0 && leastMs <= ms)) {
    throw new CommandError('--sandbox-lifetime takes MIN..MAX, such as 1h..4h or 60s..120s', 64);
  }
  return { ms, spread: 1 - leastMs / ms };
}
