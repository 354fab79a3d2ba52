import type { Protection } from '../driver.js';
import type { Cgroups } from './cgroups.js';

/** What is in force in boxes of this driver, for `hearth doctor` and the function's view. */
export function protectionsOf(
  cgroups: Cgroups,
  loopFailure: string | null,
  network: { readonly path: string | null; readonly detail: string },
  ownUsers: boolean,
): readonly Protection[] {
  const always = (name: string, detail: string): Protection => ({ name, inForce: true, detail });
  return [
    always('user namespace', 'bubblewrap; no capabilities, no new privileges'),
    {
      name: 'own user of the machine',
      inForce: ownUsers,
      detail: ownUsers
        ? 'each sandbox runs under a user id of its own'
        : 'the platform does not run as root: all sandboxes share its user',
    },
    always('process namespace', 'processes outside are invisible'),
    always('mount namespace', 'read-only root, code and layers; no set-uid programs, no devices'),
    always('ipc, uts and cgroup namespaces', 'bubblewrap'),
    always(
      'network namespace',
      "own loopback with the Runtime API; the machine's and other sandboxes' are unreachable",
    ),
    always('seccomp filter', 'classic BPF; mounts, namespaces, kernel keys, tracing, bpf, io_uring and more refused'),
    {
      name: 'outbound network',
      inForce: network.path !== null,
      detail: network.detail,
    },
    { name: 'memory limit', inForce: cgroups.has('memory'), detail: cgroups.detail('memory') },
    { name: 'CPU share', inForce: cgroups.has('cpu'), detail: cgroups.detail('cpu') },
    { name: 'process limit', inForce: cgroups.has('pids'), detail: cgroups.detail('pids') },
    {
      name: 'freeze between invocations',
      inForce: true,
      detail: cgroups.has('freezer') ? cgroups.detail('freezer') : `stop signals: ${cgroups.detail('freezer')}`,
    },
    {
      name: '/tmp of the configured size',
      inForce: true,
      detail: loopFailure === null ? 'ext4 image on a loop device' : `tmpfs, which counts as memory: ${loopFailure}`,
    },
  ];
}
