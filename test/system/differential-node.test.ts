import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import type { RuntimeName } from '../../src/wire/functionspec.js';
import { nodeMajor, runtimeDirectory } from '../../src/worker/runtimes/description.js';
import { findNode, nodeOptions } from '../../src/worker/runtimes/node.js';
import { compareCase, compareCases } from './guest/compare.js';
import { classicCases, modernCases, rareCases, sharedCases, streamCases } from './guest/nodecases.js';
import { runOfficial } from './guest/officialclient.js';
import { runOurs } from './guest/ourguest.js';
import { digestOf, everyCase, recorded } from './guest/recording.js';

// The same handlers through our bootstrap and through Lambda's own client: same answers, errors, logs.
const official = join(projectRoot, '.cache', 'official');
// Away from this project: its package.json would make modules of the handlers' files.
const folder = mkdtempSync(join(tmpdir(), 'hearth-differential-'));
const fixtures = join(folder, 'task');
const sources = join(projectRoot, 'test', 'system', 'fixtures', 'node');
cpSync(sources, fixtures, { recursive: true });
// Nor that of a folder above.
writeFileSync(join(folder, 'package.json'), '{}');
after(() => rmSync(folder, { recursive: true, force: true }));
const handlers = digestOf(sources);

for (const name of ['nodejs20.x', 'nodejs22.x', 'nodejs24.x'] satisfies RuntimeName[]) {
  const modern = nodeMajor(name)! >= 24;
  const client = join(official, modern ? 'node4' : 'node3');
  const entry = modern ? join(client, 'node_modules', 'aws-lambda-ric', 'index.mjs') : join(client, 'index.mjs');
  test(`${name} answers as the official client`, async (context) => {
    const found = await findNode(name, join(projectRoot, '.cache', 'runtimes'));
    if (found === null) return context.skip(`no Node ${nodeMajor(name)} here: node setup/officialclients.mjs`);
    if (!existsSync(entry)) return context.skip('official client is not installed: node setup/officialclients.mjs');
    const node = found.launch.mounts[0]!.hostPath;
    const guest = found.launch.mounts.find(({ sandboxPath }) => sandboxPath === runtimeDirectory)!.hostPath;
    const features = nodeOptions(name).split(' ').filter(Boolean);
    const root = (folder?: string) => (folder === undefined ? fixtures : join(fixtures, folder));
    const clientVersion = readFileSync(join(client, 'node_modules', 'aws-lambda-ric', 'package.json'), 'utf8');
    const subject = [name, found.version, features, clientVersion, handlers].join('\0');
    const rare = everyCase || name !== 'nodejs22.x' ? rareCases : [];
    const cases = [...sharedCases, ...streamCases, ...(modern ? modernCases : classicCases), ...rare];
    await compareCases(context, cases, (wanted) =>
      compareCase(
        wanted,
        (it) => runOurs([node, ...features, join(guest, 'bootstrap.cjs')], name, root(it.folder), it),
        (it) =>
          recorded(subject, it, fixtures, () => runOfficial([node, ...features, entry], name, root(it.folder), it)),
        [
          guest,
          join(client, 'node_modules', 'aws-lambda-ric', 'dist'),
          join(client, 'node_modules', 'aws-lambda-ric'),
          client,
        ],
      ),
    );
  });
}
