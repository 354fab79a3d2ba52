import type { DeliveryEnd, Destination, DestinationMessage } from '../../kernel/ports/destinations.js';
import { kib, secondMs } from '../../kernel/units.js';
import { type Answer, SignedService, type SignedServiceOptions } from '../aws/signedservice.js';

/** A server that does not answer costs this much patience. */
const patienceMs = 10 * secondMs;
/** An answer is an id, or an error's text. */
const answerBytesMax = 64 * kib;

/** SNS over its Query protocol, as real SNS, moto and other compatible services speak it. */
export class SnsClient implements Destination {
  readonly #service: SignedService;

  constructor(options: SignedServiceOptions) {
    this.#service = new SignedService('sns', options, answerBytesMax);
  }

  /** Closes what is kept open. */
  close(): void {
    this.#service.close();
  }

  accepts(arn: string): boolean {
    return arn.split(':')[2] === 'sns';
  }

  async deliver({ arn, body, attributes, traceHeader }: DestinationMessage): Promise<DeliveryEnd> {
    const form = new URLSearchParams({ Action: 'Publish', Version: '2010-03-31', TopicArn: arn, Message: body });
    Object.entries(attributes).forEach(([name, { type, value }], at) => {
      const entry = `MessageAttributes.entry.${at + 1}`;
      form.set(`${entry}.Name`, name);
      form.set(`${entry}.Value.DataType`, type);
      form.set(`${entry}.Value.StringValue`, value);
    });
    const headers = {
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'x-amzn-trace-id': traceHeader,
    };
    let answer: Answer;
    try {
      answer = await this.#service.post(arn.split(':')[3] ?? '', headers, form.toString(), patienceMs);
    } catch (error) {
      return { kind: 'failed', again: true, reason: `ConnectionError: ${(error as Error).message}` };
    }
    if (answer.status === 200) return { kind: 'delivered' };
    const code = /<Code>([^<]*)<\/Code>/.exec(answer.text)?.[1] ?? `HTTP ${answer.status}`;
    const message = /<Message>([^<]*)<\/Message>/.exec(answer.text)?.[1] ?? answer.statusMessage;
    const again = answer.status >= 500 || answer.status === 429 || /Throttl/.test(code);
    return { kind: 'failed', again, reason: `${code}: ${message}` };
  }
}
