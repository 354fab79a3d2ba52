import assert from 'node:assert/strict';
import { createHash, randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type LambdaClient,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from './hearth.js';
import { Traces } from './traces.js';
import { zip } from './zip.js';

const role = 'arn:aws:iam::123456789012:role/test';
const files = (text: string) => ({
  'index.mjs': `export const handler = async (event) => { console.log('ran ' + event.mark + '.'); return ${JSON.stringify(text)}; };`,
});

/** What the platform has confirmed of one function, and what it was asked for when it died. */
interface Promised {
  readonly name: string;
  /** Text that its code answers with, by version; `$LATEST` too. */
  readonly texts: Map<string, string>;
  /** Asked for, never confirmed: may or may not have happened. */
  unconfirmed: string | null;
  alias: string | null;
  unconfirmedAlias: string | null;
  /** Of events that were accepted, and of invocations that were answered. */
  readonly marks: string[];
}

class Killed extends Error {}

/** Empty folders stay where virtual machines were: mounts of the platform's own were on them. */
function filesOfRun(hearth: Hearth): string[] {
  const entries = readdirSync(join(hearth.folder, 'run'), { withFileTypes: true, recursive: true });
  return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
}

/** Does everything a client can do, over and over, and keeps book of what was confirmed. */
class Writer {
  #killed = false;
  #count = 0;
  confirmed = 0;

  constructor(
    private readonly promised: Map<string, Promised>,
    private readonly prefix: string,
  ) {}

  kill(): void {
    this.#killed = true;
  }

  async run(client: LambdaClient): Promise<void> {
    try {
      for (;;) await this.#function(client);
    } catch (error) {
      // After the kill every request may fail, in whatever way; before it none may.
      if (!this.#killed) throw error;
    }
  }

  async #confirm<T>(request: Promise<T>): Promise<T> {
    const answer = await request;
    this.confirmed += 1;
    return answer;
  }

  async #settled(client: LambdaClient, name: string): Promise<void> {
    await eventually(async () => {
      if (this.#killed) throw new Killed();
      const { State, LastUpdateStatus } = await client.send(
        new GetFunctionConfigurationCommand({ FunctionName: name }),
      );
      return State === 'Active' && LastUpdateStatus === 'Successful';
    }, `${name} to be active`);
  }

  async #invoke(client: LambdaClient, one: Promised, InvocationType: 'Event' | 'RequestResponse'): Promise<void> {
    const mark = `${one.name}-${this.#count++}`;
    const Payload = JSON.stringify({ mark });
    const answer = await this.#confirm(
      client.send(new InvokeCommand({ FunctionName: one.name, InvocationType, Payload })),
    );
    assert.equal(answer.FunctionError, undefined);
    one.marks.push(mark);
  }

  async #function(client: LambdaClient): Promise<void> {
    const name = `${this.prefix}-${this.#count++}`;
    const one: Promised = {
      name,
      texts: new Map(),
      unconfirmed: `${name} one`,
      alias: null,
      unconfirmedAlias: null,
      marks: [],
    };
    await this.#confirm(
      client.send(
        new CreateFunctionCommand({
          FunctionName: name,
          Runtime: ownNode,
          Handler: 'index.handler',
          Role: role,
          Timeout: 60,
          Code: { ZipFile: await zip(files(`${name} one`)) },
        }),
      ),
    );
    this.promised.set(name, one);
    one.texts.set('$LATEST', `${name} one`);
    one.unconfirmed = null;
    await this.#settled(client, name);
    for (const text of ['two', 'three']) {
      await this.#invoke(client, one, 'Event');
      const version = (await this.#confirm(client.send(new PublishVersionCommand({ FunctionName: name })))).Version!;
      one.texts.set(version, one.texts.get('$LATEST')!);
      one.unconfirmedAlias = version;
      const alias = { FunctionName: name, Name: 'live', FunctionVersion: version };
      await this.#confirm(
        one.alias === null ? client.send(new CreateAliasCommand(alias)) : client.send(new UpdateAliasCommand(alias)),
      );
      one.alias = version;
      one.unconfirmedAlias = null;
      one.unconfirmed = `${name} ${text}`;
      const ZipFile = await zip(files(`${name} ${text}`));
      await this.#confirm(client.send(new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile })));
      one.texts.set('$LATEST', `${name} ${text}`);
      one.unconfirmed = null;
      await this.#settled(client, name);
      await this.#invoke(client, one, 'RequestResponse');
    }
  }
}

describe('kill -9', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '1');
  });
  after(() => hearth.remove());

  const promised = new Map<string, Promised>();

  async function hold(one: Promised): Promise<void> {
    const client = hearth.lambda();
    const { name } = one;
    await eventually(async () => {
      const { State, LastUpdateStatus } = await client.send(
        new GetFunctionConfigurationCommand({ FunctionName: name }),
      );
      return State === 'Active' && LastUpdateStatus === 'Successful';
    }, `${name} to be active again`);
    const listed = await client.send(new ListVersionsByFunctionCommand({ FunctionName: name }));
    const versions = new Map(listed.Versions?.map((each) => [each.Version!, each.CodeSha256!]));
    const hash = async (text: string) =>
      createHash('sha256')
        .update(await zip(files(text)))
        .digest('base64');
    for (const [version, text] of one.texts) {
      const possible = [await hash(text)];
      if (version === '$LATEST' && one.unconfirmed !== null) possible.push(await hash(one.unconfirmed));
      assert.ok(possible.includes(versions.get(version) ?? ''), `${name}:${version} is not as confirmed`);
    }
    if (one.alias !== null) {
      const alias = await client.send(new GetAliasCommand({ FunctionName: name, Name: 'live' }));
      assert.ok([one.alias, one.unconfirmedAlias].includes(alias.FunctionVersion ?? ''), `alias of ${name}`);
    }
  }

  async function holdLogs(one: Promised): Promise<void> {
    if (one.marks.length === 0) return;
    const client = hearth.logs();
    await eventually(
      async () => {
        const seen: string[] = [];
        let nextToken: string | undefined;
        do {
          const page = await client.send(
            new FilterLogEventsCommand({
              logGroupName: `/aws/lambda/${one.name}`,
              filterPattern: 'ran',
              ...(nextToken === undefined ? {} : { nextToken }),
            }),
          );
          seen.push(...(page.events ?? []).map(({ message }) => message ?? ''));
          nextToken = page.nextToken;
        } while (nextToken !== undefined);
        return one.marks.every((mark) => seen.some((message) => message.includes(`ran ${mark}.`)));
      },
      `every accepted event and answered invocation of ${one.name} in its log`,
      60_000,
    );
  }

  it('at any moment loses nothing that was confirmed, and the next run leaves nothing of the last', async (test) => {
    for (let round = 0; round < 3; round++) {
      const writers = ['a', 'b'].map((each) => new Writer(promised, `${each}${round}`));
      const client = hearth.lambda();
      const running = writers.map((writer) => writer.run(client));
      const wanted = randomInt(3, 25);
      await Promise.race([
        eventually(
          async () => writers.reduce((sum, { confirmed }) => sum + confirmed, 0) >= wanted,
          'confirmations',
          120_000,
        ),
        Promise.all(running),
      ]);
      // Anywhere within a request or two.
      await new Promise((resolve) => setTimeout(resolve, randomInt(0, 20)));
      const traces = Traces.of(hearth.pid, hearth.folder);
      for (const writer of writers) writer.kill();
      await hearth.stop('SIGKILL');
      await Promise.all(running);
      const readyMs = await hearth.start();
      test.diagnostic(`killed after ${wanted} confirmations; served again after ${Math.round(readyMs)} ms`);
      await traces.gone();
      for (const one of promised.values()) await hold(one);
    }
    assert.ok(promised.size > 0);
    for (const one of promised.values()) await holdLogs(one);
    const last = [...promised.values()].at(-1)!;
    const invoked = await hearth.invoke(last.name, { mark: 'after' });
    const texts = [last.texts.get('$LATEST'), last.unconfirmed].map((text) => JSON.stringify(text));
    assert.ok(texts.includes(invoked.payload), `${invoked.payload} is none of ${texts}`);
  });

  it('leaves nothing behind, even when nothing is started again', async () => {
    await hearth.create(
      'held',
      ownNode,
      'index.handler',
      {
        'index.mjs': `import { spawn } from 'node:child_process';
        export const handler = async () => {
          spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref();
          console.log('holding');
          await new Promise((resolve) => setTimeout(resolve, 60_000));
        };`,
      },
      { Timeout: 120 },
    );
    const held = assert.rejects(hearth.invoke('held'));
    await eventually(
      async () => (await hearth.cli('logs', 'held')).stdout.includes('holding'),
      'an invocation in flight',
    );
    const traces = Traces.of(hearth.pid, hearth.folder);
    assert.ok(traces.things.length > 0, 'it had more than processes');
    assert.ok(traces.processes.length > 3, 'a platform and its sandboxes were there to look at');
    await hearth.stop('SIGKILL');
    await held;
    await traces.gone();
    const left = filesOfRun(hearth).filter((name) => name !== 'platform.json');
    assert.deepEqual(left, []);
    assert.equal((await hearth.cli('status')).status, 3);
  });

  it('is not needed: an ordinary end leaves nothing either', async () => {
    await hearth.start();
    await hearth.create('plain', ownNode, 'index.handler', files('plain'));
    assert.equal((await hearth.invoke('plain', { mark: 'x' })).payload, '"plain"');
    const traces = Traces.of(hearth.pid, hearth.folder);
    await hearth.stop();
    assert.deepEqual(traces.all, []);
    assert.deepEqual(filesOfRun(hearth), []);
  });
});
