import colours from 'picocolors';
import type { Deployment, Step } from '../../deploy/stack.js';
import { DataFolder } from '../datafolder.js';
import { connect, lambdaClient, logsClient } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { CommandError, Terminal, table } from './terminal.js';

const signs: Readonly<Record<Step['change'], string>> = {
  create: colours.green('+'),
  update: colours.yellow('~'),
  none: colours.dim('='),
  delete: colours.red('-'),
  'left out': colours.dim('!'),
  failed: colours.red('✗'),
};

function renderStep({ change, logicalId, type, details }: Step): string {
  const rest = details.length === 0 ? '' : colours.dim(`  ${details.join('; ')}`);
  return `${signs[change]} ${logicalId} ${colours.dim(type)}${change === 'left out' ? colours.dim(' left out') : ''}${rest}`;
}

function summary(deployment: Deployment, planning: boolean): string {
  const count = (change: Step['change']) => deployment.steps.filter((step) => step.change === change).length;
  const parts = [
    `${count('create')} ${planning ? 'to create' : 'created'}`,
    `${count('update')} ${planning ? 'to update' : 'updated'}`,
    `${count('delete')} ${planning ? 'to delete' : 'deleted'}`,
    `${count('none')} unchanged`,
    ...(count('left out') > 0 ? [`${count('left out')} left out`] : []),
    ...(count('failed') > 0 ? [colours.red(`${count('failed')} failed`)] : []),
  ];
  const lines = [`${colours.bold(deployment.stack)}: ${parts.join(', ')}`];
  lines.push(...deployment.remarks.map((remark) => colours.dim(`  ${remark}`)));
  const outputs = Object.entries(deployment.outputs);
  if (outputs.length > 0 && !planning)
    lines.push(
      table(
        ['OUTPUT', 'VALUE'],
        outputs.map((entry) => [...entry]),
      ),
    );
  return lines.join('\n');
}

function parametersOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const equals = text.indexOf('=');
      if (equals < 1) throw new CommandError(`--param wants NAME=VALUE, not ${text}`, 64);
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

export const deploy = defineCommand({
  command: 'deploy [path]',
  describe: 'Deploy a SAM or CloudFormation template, cdk output or serverless.yml',
  builder: (command) =>
    connectionOptions(command)
      .positional('path', { type: 'string', default: '.', describe: 'a template, or a folder that has one' })
      .option('stack', { type: 'string', describe: 'stack name; of several CDK stacks, the one to deploy' })
      .option('param', {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'NAME=VALUE',
        nargs: 1,
      })
      .option('stage', { type: 'string', describe: 'stage of a serverless.yml', requiresArg: true })
      .option('plan', { type: 'boolean', default: false, describe: 'only show what would change' })
      .option('adopt', { type: 'boolean', default: false, describe: 'take over functions that exist already' })
      .option('watch', { type: 'boolean', default: false, describe: 'deploy again on every change' })
      .example('hearth deploy', 'the template of this folder')
      .example('hearth deploy cdk.out --stack Api --plan', 'what would change, after `cdk synth`')
      .example('hearth deploy --watch', 'keep going while you edit')
      .epilogue('Exit status: 0 all deployed, 1 the template is wrong, 2 some resources failed.'),
  handler: async (options) => {
    if (options.watch && (options.plan || options.json)) {
      throw new CommandError('--watch goes on deploying: it cannot be used with --plan or --json', 64);
    }
    const terminal = new Terminal(options.json);
    const connection = connect(options);
    const [lambda, logs] = [await lambdaClient(connection), await logsClient(connection)];
    const { deploy: run } = await import('../../deploy/stack.js');
    const { readTemplates } = await import('../../deploy/source.js');
    const { DeployError } = await import('../../deploy/model.js');
    const { StackRecord } = await import('../../deploy/record.js');
    const { account } = connection.credential;
    const { region } = connection;
    const clients = { lambda, logs, account, region, adopting: options.adopt };
    const parameters = parametersOf(options.param);

    const once = async (planning: boolean): Promise<Deployment[]> => {
      try {
        const all = readTemplates(options.path, { stage: options.stage ?? null, parameters, region, account });
        const chosen =
          all.length > 1 && options.stack !== undefined ? all.filter(({ name }) => name === options.stack) : all;
        if (chosen.length === 0)
          throw new DeployError('--stack', `is none of ${all.map(({ name }) => name).join(', ')}`);
        const deployments: Deployment[] = [];
        for (const template of chosen) {
          const stack = chosen.length === 1 ? (options.stack ?? template.name) : template.name;
          const record = StackRecord.open(new DataFolder(options.data).path, account, region, stack);
          const onStep = (step: Step) => step.change !== 'none' && terminal.note(renderStep(step));
          deployments.push(await run({ template, stack, parameters, record, planning, onStep }, clients));
        }
        return deployments;
      } catch (error) {
        if (error instanceof DeployError) throw new CommandError(error.message);
        throw error;
      }
    };

    const deployments = await once(options.plan);
    const failed = deployments.some(({ steps }) => steps.some(({ change }) => change === 'failed'));
    terminal.result(deployments, (all) => all.map((one) => summary(one, options.plan)).join('\n'));
    if (options.watch) await keepDeploying(deployments, once, terminal);
    lambda.destroy();
    logs.destroy();
    if (failed) process.exitCode = 2;
  },
});

/** Until the process is told to end. */
async function keepDeploying(
  first: readonly Deployment[],
  once: (planning: boolean) => Promise<Deployment[]>,
  terminal: Terminal,
): Promise<void> {
  const { Watch } = await import('../../deploy/watch.js');
  let changed = false;
  let wake: () => void = () => {};
  const pathsOf = (deployments: readonly Deployment[]) => [...new Set(deployments.flatMap(({ watched }) => watched))];
  // Also while a deployment runs: what changes then is deployed next.
  const onChange = () => {
    changed = true;
    wake();
  };
  let watch = new Watch(pathsOf(first), onChange);
  terminal.note(colours.dim('Waiting for changes. Ctrl-C ends it.'));
  for (;;) {
    if (!changed) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    changed = false;
    const startedMs = performance.now();
    try {
      const deployments = await once(false);
      const elapsedMs = Math.round(performance.now() - startedMs);
      terminal.note(`${deployments.map((one) => summary(one, false)).join('\n')}  ${elapsedMs} ms`);
      const next = new Watch(pathsOf(deployments), onChange);
      watch.close();
      watch = next;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      terminal.note(`${colours.red('✗')} ${error.message}`);
    }
  }
}
