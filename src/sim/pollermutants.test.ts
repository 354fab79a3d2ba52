import type { AsyncEffect, AsyncInput } from '../async/messages.js';
import { type Parts, realParts } from './parts.js';
import { SimQueue } from './queue.js';
import { caught } from './testmutant.js';

/** A poller whose effects are changed. */
function polling(change: (effect: AsyncEffect) => AsyncEffect): Partial<Parts> {
  return {
    async: (options) => {
      const real = realParts.async(options);
      return { step: (input) => real.step(input).map(change) };
    },
  };
}

type Delivery = Extract<AsyncInput, { kind: 'pulled' }>['deliveries'][number];

/** A poller that is given other deliveries than there were. */
function given(change: (delivery: Delivery) => Delivery): Partial<Parts> {
  const changed = (input: AsyncInput) =>
    input.kind === 'pulled' ? { ...input, deliveries: input.deliveries.map(change) } : input;
  return {
    async: (options) => {
      const real = realParts.async(options);
      return { step: (input) => real.step(changed(input)) };
    },
  };
}

caught(
  'a queue that drops what is given back',
  {
    queue: () =>
      new (class extends SimQueue {
        override nak(id: string): void {
          this.ack(id);
        }
      })(),
  },
  /accepted events lost/,
);

caught(
  'a poller that gives up throttled events',
  polling((effect) =>
    effect.kind === 'nak' && effect.event.conclusion == null
      ? { kind: 'ack', id: effect.id, reason: 'success' }
      : effect,
  ),
  /accepted event .* lost/,
);

caught(
  'a poller that forgets what was concluded',
  given((one) => ({ ...one, event: { ...one.event, conclusion: null } })),
  /attempted after its conclusion/,
);

caught(
  'a poller that tells before it has stored',
  polling((effect) =>
    effect.kind === 'conclude' ? { ...effect, kind: 'deliver', conclusion: effect.event.conclusion! } : effect,
  ),
  /told before it is on disk/,
);

caught(
  'a poller that tells nobody',
  polling((effect) => (effect.kind === 'deliver' ? { kind: 'ack', id: effect.id, reason: 'told' } : effect)),
  /accepted event .* lost: acknowledged as told/,
);

caught(
  'a poller that tries errors once more than it may',
  given((one) => ({ ...one, policy: { ...one.policy, retriesMax: one.policy.retriesMax + 1 } })),
  /attempted again after/,
);
