import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PublishLayerVersionCommand, UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { Hearth, ownNode } from '../system/hearth.js';
import { zip } from '../system/zip.js';
import { build } from './build.js';
import { logged } from './customruntime.js';

describe('extensions on Lambda’s official libraries', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
  });
  after(() => hearth.remove());

  /** Its sandboxes are superseded: they end when they have nothing to do. */
  const change = (FunctionName: string) =>
    hearth.lambda().send(new UpdateFunctionConfigurationCommand({ FunctionName, Description: 'changed' }));

  it('Rust, lambda-extension: events and telemetry', async (test) => {
    const made = await build('rustextension', [['cargo', 'build', '--quiet']]);
    if ('missing' in made) return test.skip(made.missing);
    const program = readFileSync(join(made.folder, 'target', 'debug', 'rustextension'));
    const Content = { ZipFile: await zip({ 'extensions/rustextension': program }) };
    const layer = await hearth.lambda().send(new PublishLayerVersionCommand({ LayerName: 'rust', Content }));
    const code = {
      'index.js': `
        const fs = require('node:fs');
        if (!fs.existsSync('/tmp/failed')) {
          fs.writeFileSync('/tmp/failed', '');
          throw new Error('the first time');
        }
        exports.handler = async () => { process.stdout.write('said\\n'); };`,
    };
    await hearth.create('rusty', ownNode, 'index.handler', code, { Layers: [layer.LayerVersionArn!] });
    for (let count = 0; count < 2; count += 1) assert.equal((await hearth.invoke('rusty')).functionError, undefined);
    await change('rusty');
    const log = await logged(hearth, 'rusty', /rust SHUTDOWN spindown/);
    assert.equal(log.match(/rust INVOKE/g)?.length, 2, log);
    for (const record of [
      'PlatformInitStart .*phase: Init,',
      'PlatformInitStart .*phase: Invoke,',
      'PlatformInitReport .*phase: Invoke,',
      'PlatformInitRuntimeDone',
      'PlatformStart',
      'PlatformRuntimeDone',
      'PlatformReport',
      'Function\\("said',
    ])
      assert.match(log, new RegExp(`rust telemetry ${record}`));
  });

  it('Go, aws-lambda-go with SIGTERM: an internal extension', async (test) => {
    const made = await build('gosigterm', [['go', 'build', '-tags', 'lambda.norpc', '-o', 'bootstrap', '.']]);
    if ('missing' in made) return test.skip(made.missing);
    const bootstrap = readFileSync(join(made.folder, 'bootstrap'));
    await hearth.create('going', 'provided.al2023', 'any', { bootstrap });
    assert.equal((await hearth.invoke('going')).functionError, undefined);
    await change('going');
    const log = await logged(hearth, 'going', /go was told to end/);
    assert.match(log, /EXTENSION\tName: .*\tState: Ready\tEvents: \[\]/);
  });
});
