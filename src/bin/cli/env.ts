import { connect } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { Terminal } from './terminal.js';

/** The variables that AWS clients read, for a platform's endpoint and one account. */
export function clientVariables(connection: ReturnType<typeof connect>): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: connection.endpoint,
    AWS_ACCESS_KEY_ID: connection.credential.accessKeyId,
    AWS_SECRET_ACCESS_KEY: connection.credential.secretAccessKey,
    AWS_REGION: connection.region,
    AWS_DEFAULT_REGION: connection.region,
  };
}

export const env = defineCommand({
  command: 'env',
  describe: 'Print shell exports for AWS clients',
  builder: (command) =>
    connectionOptions(command)
      .example('eval "$(hearth env)"', 'let the AWS CLI and SDKs of this shell talk to the platform')
      .epilogue('AWS CLI versions before 2.13 ignore AWS_ENDPOINT_URL: give them --endpoint-url "$AWS_ENDPOINT_URL".'),
  handler: (options) => {
    const variables = clientVariables(connect(options));
    new Terminal(options.json).result(variables, () =>
      Object.entries(variables)
        .map(([name, value]) => `export ${name}=${value}`)
        .join('\n'),
    );
  },
});
