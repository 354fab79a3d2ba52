import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import { cleanEnvironment } from '../../../test/system/childprocess.js';
import { projectRoot } from '../../adapters/projectroot.js';
import { guestImage } from '../../image/guestimage.js';
import { findProgram } from '../../worker/sandbox/programs.js';

const lacking = ['mkfs.erofs', 'apt-get'].find((name) => findProgram(name) === null);

test('hearth image show', { skip: lacking ? `${lacking} is missing` : false, timeout: 240_000 }, () =>
  withFolder(async (folder) => {
    const show = (environment: NodeJS.ProcessEnv) =>
      spawnSync(join(projectRoot, 'bin', 'hearth'), ['image', 'show', '--json', '--data', join(folder, 'data')], {
        encoding: 'utf8',
        env: { ...cleanEnvironment(), ...environment },
        timeout: 120_000,
      });
    mkdirSync(join(folder, 'empty'));
    const none = show({ XDG_CACHE_HOME: join(folder, 'empty') });
    assert.equal(none.status, 1);
    assert.match(none.stderr, /build it with: hearth image build/);

    const image = await guestImage();
    const shown = show({});
    assert.equal(shown.status, 0, shown.stderr);
    const { runtimes, rootUsedBytes, ...found } = JSON.parse(shown.stdout);
    assert.deepEqual({ ...found, tookMs: 0 }, { ...image, tookMs: 0 });
    assert.ok(rootUsedBytes > 0 && rootUsedBytes <= image.rootBytes);
    for (const { name, status, detail } of runtimes) {
      assert.ok(['built', 'unbuilt', 'absent', 'in root'].includes(status), name);
      assert.notEqual(detail, '', name);
    }
  }),
);
