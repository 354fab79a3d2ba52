import type { Protection } from '../../worker/sandbox/driver.js';
import type { Cgroups } from '../../worker/sandbox/process/cgroups.js';
import type { LaunchPlace } from './launch.js';

/** What is in force around every monitor, for `hearth doctor` and the function's view. */
export function protectionsOf(cgroups: Cgroups, networkDetail: string, place: LaunchPlace): readonly Protection[] {
  const always = (name: string, detail: string): Protection => ({ name, inForce: true, detail });
  const { accelerator, versionText } = place.kind;
  return [
    always(
      'kernel of its own',
      accelerator === 'kvm'
        ? `virtual machine by QEMU ${versionText} with KVM`
        : `virtual machine by QEMU ${versionText}, emulated: no usable KVM`,
    ),
    { name: 'own user of the machine', inForce: place.userIds !== null, detail: place.usersDetail },
    always('user namespace', 'bubblewrap; no capabilities, no new privileges'),
    always('process, ipc, uts and cgroup namespaces', 'bubblewrap; the monitor sees no other process'),
    always('mount namespace', 'read-only: QEMU, its libraries and firmware; nothing to write to, files come opened'),
    always('network namespace', "the machine's loopback and other virtual machines are unreachable"),
    always('seccomp filter', 'classic BPF before the monitor, its own sandbox (no programs, no processes) in it'),
    { name: 'outbound network', inForce: place.slirp !== null, detail: networkDetail },
    { name: 'memory limit', inForce: cgroups.has('memory'), detail: cgroups.detail('memory') },
    { name: 'CPU share', inForce: cgroups.has('cpu'), detail: cgroups.detail('cpu') },
    { name: 'process limit', inForce: cgroups.has('pids'), detail: cgroups.detail('pids') },
    {
      name: 'freeze between invocations',
      inForce: true,
      detail: cgroups.has('freezer') ? cgroups.detail('freezer') : `stop signals: ${cgroups.detail('freezer')}`,
    },
  ];
}
