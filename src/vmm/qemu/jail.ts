import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { descriptors } from './arguments.js';

/** What QEMU reads of the machine by name: its program, libraries, firmware. Debian's places, shown where they exist. */
const shownFolders = ['/usr/lib', '/usr/lib64', '/usr/share/qemu', '/usr/share/seabios', '/usr/share/ipxe/qemu'];
const shownFiles = ['/etc/ld.so.cache'];
/** Links into /usr on a merged-usr system; real folders elsewhere. */
const rootFolders = ['lib', 'lib32', 'lib64', 'libx32'];

export interface JailRequest {
  /** bubblewrap. */
  readonly bwrap: string;
  readonly qemu: string;
  /** Show /dev/kvm. */
  readonly kvm: boolean;
}

/**
 * The command that runs QEMU in namespaces of its own, with a root folder that holds its program and nothing to write
 * to. It is the first process there: its end is the end of everything inside.
 */
export function jailCommand(request: JailRequest, monitor: readonly string[]): string[] {
  const show = (path: string) => ['--ro-bind', path, path];
  return [
    request.bwrap,
    ...['--unshare-all', '--die-with-parent', '--new-session', '--as-pid-1', '--cap-drop', 'ALL'],
    ...['--hostname', 'machine'],
    ...rootFolders.flatMap((name) => {
      const info = lstatSync(`/${name}`, { throwIfNoEntry: false });
      if (info?.isSymbolicLink()) return ['--symlink', readlinkSync(`/${name}`), `/${name}`];
      return info?.isDirectory() ? show(`/${name}`) : [];
    }),
    ...[...shownFolders, ...shownFiles].filter((path) => existsSync(path)).flatMap(show),
    ...show(request.qemu),
    // From a descriptor: our folders need not be reachable for the monitor's user.
    ...['--ro-bind-data', String(descriptors.resolvConf), '/etc/resolv.conf'],
    ...['--proc', '/proc', '--dev', '/dev'],
    ...(request.kvm ? ['--dev-bind', '/dev/kvm', '/dev/kvm'] : []),
    ...['--remount-ro', '/proc', '--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/', '--clearenv'],
    ...['--info-fd', String(descriptors.info), '--seccomp', String(descriptors.filter), '--'],
    request.qemu,
    ...monitor,
  ];
}
