import type { WhyReport } from '../../observe/invocations/why.js';
import { type Connection, connect, getAdmin } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { CommandError, Terminal } from './terminal.js';
import { whyList, whyView } from './whyview.js';

const whyPath = '/_hearth/why';
const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Null: the platform does not remember it. */
export function whyOf(connection: Connection, requestId: string): Promise<WhyReport | null> {
  return getAdmin<WhyReport>(connection, `${whyPath}/${requestId}`).catch((error: Error) => {
    if (error.message.includes(': 404 ')) return null;
    throw error;
  });
}

export const why = defineCommand({
  command: 'why [request]',
  describe: 'Explain where the time of an invocation went, or list the latest that were not warm',
  builder: (command) =>
    connectionOptions(command)
      .positional('request', { type: 'string', describe: 'request id, as START and REPORT lines have it' })
      .example('hearth why', 'the latest invocations that were not warm')
      .example('hearth why 8a5b1c1e-…', 'its phases: waiting, start of the sandbox, init, handler, response')
      .epilogue('The platform remembers the last 10,000 invocations, and 2,000 that were not warm, until it stops.'),
  handler: async (options) => {
    const { request, json } = options;
    if (request !== undefined && !idPattern.test(request)) throw new CommandError('A request id is a UUID', 64);
    const connection = connect(options);
    const terminal = new Terminal(json);
    if (request === undefined) {
      return terminal.result(await getAdmin<readonly WhyReport[]>(connection, whyPath), whyList);
    }
    const report = await whyOf(connection, request.toLowerCase());
    if (report === null) {
      const advice = `hearth logs FUNCTION --filter '"${request}"' shows what its log has`;
      throw new CommandError(`Invocation ${request} is not remembered (any more); ${advice}.`);
    }
    terminal.result(report, (one) => whyView(one, process.stdout.columns ?? 100));
  },
});
