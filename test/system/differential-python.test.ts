import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { runtimeNames } from '../../src/wire/functionspec.js';
import { languageDirectory, pythonMinor } from '../../src/worker/runtimes/description.js';
import { findPython } from '../../src/worker/runtimes/python.js';
import { compareCase, compareCases } from './guest/compare.js';
import { runOfficial } from './guest/officialclient.js';
import { runOurs } from './guest/ourguest.js';
import { pythonCases, rarePythonCases } from './guest/pythoncases.js';
import { digestOf, everyCase, recorded } from './guest/recording.js';

// The same handlers through our bootstrap and through Lambda's own client: same answers, errors, logs.
const guest = join(projectRoot, 'guest', 'python');
// Away from this project: its package.json would make modules of the handlers' files.
const fixtures = mkdtempSync(join(tmpdir(), 'hearth-differential-'));
const sources = join(projectRoot, 'test', 'system', 'fixtures', 'python');
cpSync(sources, fixtures, { recursive: true });
const handlers = digestOf(sources, /(?<!\.pyc)$/);
after(() => rmSync(fixtures, { recursive: true, force: true }));

for (const name of runtimeNames.filter((runtime) => runtime.startsWith('python'))) {
  const client = join(projectRoot, '.cache', 'official', `python${pythonMinor(name)}`);
  test(`${name} answers as the official client`, async (context) => {
    const found = await findPython(name);
    if (found === null) return context.skip(`no ${name} on this machine`);
    if (!existsSync(client)) return context.skip('official client is not installed: node setup/officialclients.mjs');
    const { command, mounts } = found.launch;
    const prefix = mounts.find(({ sandboxPath }) => sandboxPath === languageDirectory)?.hostPath;
    const python = prefix === undefined ? command![0]! : command![0]!.replace(languageDirectory, prefix);
    const versions = readdirSync(client).filter((entry) => entry.endsWith('.dist-info'));
    const subject = [name, found.version, versions, handlers].join('\0');
    const cases = everyCase || name === 'python3.12' ? [...pythonCases, ...rarePythonCases] : pythonCases;
    const more = { PYTHONPATH: client, PYTHONDONTWRITEBYTECODE: '1' };
    await compareCases(context, cases, (wanted) =>
      compareCase(
        wanted,
        (it) => runOurs([python, join(guest, 'bootstrap.py')], name, fixtures, it),
        (it) =>
          recorded(subject, it, fixtures, () =>
            runOfficial([python, '-m', 'awslambdaric', it.handler], name, fixtures, it, more),
          ),
        [guest, client],
      ),
    );
  });
}
