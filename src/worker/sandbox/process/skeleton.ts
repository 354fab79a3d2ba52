import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { RuntimeLaunch } from '../driver.js';
import { nameServer } from './network.js';

/** User and group inside a sandbox, as in Lambda's execution environment (`id` there: sbx_user1051, 993 and 990). */
export const sandboxUid = 993;
export const sandboxGid = 990;
/** Lambda's host names look like this; the same in every sandbox, so that it tells nothing. */
export const sandboxHostname = '169.254.100.6';
export const agentPath = '/var/lib/hearth/agent';

/** Host folders shown read-only under the same name where the machine has them. */
const hostFolders = [
  ...['/usr', '/etc/ssl', '/etc/pki', '/etc/ca-certificates', '/etc/alternatives'],
  // Debian keeps the settings that each Java needs to start here, and links to them from below /usr.
  ...readdirSync('/etc')
    .filter((name) => /^java-\d+-openjdk$/.test(name))
    .map((name) => `/etc/${name}`),
];
/** Links into /usr on a merged-usr system; real folders elsewhere. */
const rootFolders = ['bin', 'lib', 'lib32', 'lib64', 'libx32', 'sbin'];
/** Folders every sandbox has: mount points for code, layers, scratch, and what bubblewrap mounts. */
const mountPoints = ['proc', 'dev', 'tmp', 'var/task', 'opt', dirname(agentPath).slice(1)];

/** Also in the image of virtual machines. */
export const etcFiles: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:${sandboxUid}:${sandboxGid}::/home/sbx_user1051:/sbin/nologin\n`,
  group: `root:x:0:\nsbx_user1051:x:${sandboxGid}:\n`,
  hosts: `127.0.0.1 localhost\n127.0.0.1 ${sandboxHostname}\n127.0.0.1 sandbox.localdomain sandbox\n`,
  'resolv.conf': `nameserver ${nameServer}\n`,
  'nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n',
  hostname: `${sandboxHostname}\n`,
};
/** Copied from the machine: where its libraries are, and names of services. */
const etcCopies = ['ld.so.cache', 'ld.so.conf', 'services', 'protocols', 'mime.types'];

/** Makes the `/etc` all sandboxes of a driver share, as `base/etc`. */
export function makeEtc(base: string): void {
  const etc = join(base, 'etc');
  mkdirSync(etc, { mode: 0o755 });
  for (const [name, text] of Object.entries(etcFiles)) writeFileSync(join(etc, name), text);
  for (const name of etcCopies) {
    if (existsSync(join('/etc', name))) copyFileSync(join('/etc', name), join(etc, name));
  }
  // Lambda's clock shows UTC.
  symlinkSync('/usr/share/zoneinfo/UTC', join(etc, 'localtime'));
  for (const folder of hostFolders) {
    if (folder.startsWith('/etc/') && existsSync(folder)) mkdirSync(join(base, folder));
  }
}

export interface Skeleton {
  readonly root: string;
  /** Arguments of bubblewrap that show the root and everything in it. */
  readonly arguments: readonly string[];
}

/**
 * The root folder of one box: only mount points and links, read-only inside. Mounts made under it later appear in
 * the running box, because it lies on a shared mount. `visible` gives the path under which an unprivileged
 * bubblewrap can reach a file of the machine.
 */
export function makeSkeleton(
  base: string,
  boxId: string,
  runtime: RuntimeLaunch,
  visible: (hostPath: string) => string,
): Skeleton {
  const root = join(base, 'sb', boxId);
  mkdirSync(root, { mode: 0o755, recursive: true });
  const shown: string[] = ['--ro-bind', root, '/'];
  const point = (path: string) => mkdirSync(join(root, path), { recursive: true, mode: 0o755 });
  const show = (source: string, target: string) => shown.push('--ro-bind', source, target);

  for (const folder of mountPoints) point(folder);
  linkSync(join(base, 'agent'), join(root, agentPath));
  for (const name of rootFolders) {
    const host = join('/', name);
    const info = lstatSync(host, { throwIfNoEntry: false });
    if (info?.isSymbolicLink()) symlinkSync(readlinkSync(host), join(root, name));
    else if (info?.isDirectory()) {
      point(name);
      show(host, host);
    }
  }
  point('etc');
  show(join(base, 'etc'), '/etc');
  for (const folder of hostFolders) {
    if (!existsSync(folder)) continue;
    if (!folder.startsWith('/etc/')) point(folder);
    show(folder, folder);
  }
  const targets: string[] = [...hostFolders];
  for (const { hostPath, sandboxPath } of runtime.mounts) {
    // Below another mount the target must exist there already; elsewhere it is made here.
    if (!targets.some((target) => sandboxPath.startsWith(`${target}/`))) {
      if (lstatSync(visible(hostPath)).isDirectory()) point(sandboxPath);
      else {
        point(dirname(sandboxPath));
        writeFileSync(join(root, sandboxPath), '');
      }
    }
    targets.push(sandboxPath);
    show(visible(hostPath), sandboxPath);
  }
  const [shell, bash] = ['/bin/sh', '/bin/bash'].map((path) => (existsSync(path) ? realpathSync(path) : null));
  // Lambda's `sh` is bash, and bootstraps count on it (`set -o pipefail`); Debian's is another shell.
  if (shell && bash && shell !== bash) show(bash, shell);
  return { root, arguments: shown };
}

export function removeSkeleton(skeleton: Skeleton): void {
  rmSync(skeleton.root, { recursive: true, force: true });
}
