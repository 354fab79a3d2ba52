// The peer: one echo function behind serverless-offline's own Lambda endpoint (the class its package exports as
// `./lambda`), with its default runner, a worker thread. Arguments: folder of the installed package, port.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [installed, port, servicePath] = process.argv.slice(2);
const require = createRequire(join(installed, 'package.json'));
const { default: Lambda } = await import(pathToFileURL(require.resolve('serverless-offline/lambda')).href);

const serverless = {
  config: { serverlessPath: '', servicePath },
  serviceDir: servicePath,
  service: {
    service: 'bench',
    provider: { name: 'aws', region: 'us-east-1', runtime: 'nodejs20.x', stage: 'dev' },
    package: {},
  },
};
const options = {
  host: '127.0.0.1',
  lambdaPort: Number(port),
  useInProcess: false,
  layersDir: null,
  localEnvironment: false,
  noTimeout: false,
  terminateIdleLambdaTime: 60,
  location: '',
};
const lambda = new Lambda(serverless, options);
lambda.create([
  { functionKey: 'echo', functionDefinition: { name: 'echo', handler: 'index.handler', events: [], package: {} } },
]);
await lambda.start();
process.stdout.write(`http://127.0.0.1:${port}\n`);
