import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { projectRoot } from '../../adapters/projectroot.js';
import { languageDirectory, type RuntimeFamily, rubyMinor, runtimeDirectory } from './description.js';
import { ask } from './program.js';

/** Asks the interpreter itself: what PATH names may be a link or a shim. */
const question = 'puts RbConfig::CONFIG["prefix"], RUBY_VERSION, RUBY_ENGINE, RbConfig.ruby';

const installationsIn = (directory: string) =>
  existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name, 'bin')) : [];

/** Programs that may be Ruby of a minor version: the system's first, then those of rbenv, asdf and ruby-install. */
function candidates(minor: string): string[] {
  const home = homedir();
  const places = ['/usr/bin', '/usr/local/bin', ...(process.env.PATH ?? '').split(delimiter)];
  const managed = [
    join(process.env.RBENV_ROOT ?? join(home, '.rbenv'), 'versions'),
    join(home, '.asdf', 'installs', 'ruby'),
    join(home, '.rubies'),
    '/opt/rubies',
  ].flatMap(installationsIn);
  const directories = [...places, ...managed].filter(
    (directory) => directory.startsWith('/') && !directory.endsWith('/shims'),
  );
  const files = directories.flatMap((directory) => [join(directory, `ruby${minor}`), join(directory, 'ruby')]);
  return [...new Set(files.filter((file) => existsSync(file)).map((file) => realpathSync(file)))];
}

/** Lambda's Ruby runtimes: the machine's interpreter of exactly this version, and our own bootstrap. */
export const rubyFamily: RuntimeFamily = {
  owns: (name) => rubyMinor(name) !== null,

  async find(name) {
    const minor = rubyMinor(name)!;
    for (const file of candidates(minor)) {
      const answer = await ask(file, ['-e', question]);
      const [prefix, version, engine, program] = answer?.split('\n') ?? [];
      if (!prefix || !program || !version?.startsWith(`${minor}.`) || engine !== 'ruby') continue;
      // As for Python: /usr is in every sandbox, another prefix is shown where Lambda has its own.
      const system = prefix === '/usr';
      const inside = system ? program : program.replace(prefix, languageDirectory);
      const runtime = { hostPath: join(projectRoot, 'guest', 'ruby'), sandboxPath: runtimeDirectory };
      return {
        version,
        detail: `this machine's Ruby, ${program}`,
        launch: {
          name,
          mounts: system ? [runtime] : [{ hostPath: prefix, sandboxPath: languageDirectory }, runtime],
          command: [inside, '-E', 'UTF-8', `${runtimeDirectory}/bootstrap.rb`],
          environment: { LANG: 'en_US.UTF-8', LD_LIBRARY_PATH: `${languageDirectory}/lib` },
        },
      };
    }
    return null;
  },

  async absence(name) {
    const minor = rubyMinor(name)!;
    return { status: 'missing', detail: `install Ruby ${minor} (Debian package, rbenv, asdf) so that it is on PATH` };
  },
};
