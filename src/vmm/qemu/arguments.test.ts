import assert from 'node:assert/strict';
import test from 'node:test';
import { identityOf, kernelWords, type MonitorKind, monitorArguments } from './arguments.js';

const kind: MonitorKind = { accelerator: 'tcg', version: [7, 2], versionText: '7.2.22', hostProcessor: '' };
const kvm: MonitorKind = { ...kind, accelerator: 'kvm', hostProcessor: '0123456789abcdef' };
const shape = {
  memoryMib: 256,
  processors: 2,
  network: true,
  drives: [
    { bytes: 1_048_576, readOnly: true },
    { bytes: 10_737_418_240, readOnly: false },
  ],
};

test('a boot is told everything by descriptors', () => {
  assert.deepEqual(monitorArguments(kind, shape, { kind: 'boot', commandLine: 'quiet' }, true), [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    '-M',
    'pc,usb=off,vmport=off,hpet=off,smbus=off,suppress-vmdesc=on,memory-backend=mem0,i8042=off',
    ...['-accel', 'tcg,thread=multi,tb-size=128', '-cpu', 'max', '-smp', '2', '-m', '256M'],
    ...['-object', 'memory-backend-file,id=mem0,size=256M,share=off,mem-path=/proc/self/fd/10'],
    ...['-global', 'migration.send-configuration=off'],
    ...['-chardev', 'socket,id=qmp,fd=4', '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-pci,id=serial,max_ports=2'],
    ...['-chardev', 'socket,id=channel,fd=3', '-device', 'virtserialport,chardev=channel,name=hearth,nr=1'],
    ...['-object', 'rng-random,id=entropy,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=entropy'],
    ...['-add-fd', 'fd=8,set=1'],
    ...['-add-fd', 'fd=20,set=20'],
    '-blockdev',
    'driver=raw,node-name=drive0,size=1048576,read-only=on,cache.no-flush=on,discard=unmap,' +
      'file.driver=file,file.filename=/dev/fdset/20,file.locking=off,file.cache.no-flush=on,file.discard=unmap',
    ...['-device', 'virtio-blk-pci,drive=drive0,write-cache=on,rerror=report,werror=report'],
    ...['-add-fd', 'fd=21,set=21'],
    '-blockdev',
    'driver=raw,node-name=drive1,size=10737418240,read-only=off,cache.no-flush=on,discard=unmap,' +
      'file.driver=file,file.filename=/dev/fdset/21,file.locking=off,file.cache.no-flush=on,file.discard=unmap',
    ...['-device', 'virtio-blk-pci,drive=drive1,write-cache=on,rerror=report,werror=report'],
    ...['-netdev', 'user,id=net0,ipv6=off,net=10.0.3.0/24,host=10.0.3.2,dns=10.0.3.3,dhcpstart=10.0.3.15'],
    ...['-device', 'virtio-net-pci,netdev=net0,guest_announce=off,romfile=,mac=52:54:00:00:03:15'],
    ...['-kernel', '/proc/self/fd/11', '-initrd', '/proc/self/fd/12', '-append'],
    'console=ttyS0 panic=-1 reboot=t tsc=reliable no_timer_check cryptomgr.notests mitigations=off quiet',
  ]);
});

test('a restore differs from the boot in its end only', () => {
  const boot = monitorArguments(kind, shape, { kind: 'boot', commandLine: '' }, true);
  const restore = monitorArguments(kind, shape, { kind: 'restore' }, true);
  assert.deepEqual(restore, [...boot.slice(0, boot.indexOf('-kernel')), '-S', '-incoming', 'defer']);
});

test('the hardware does not depend on whether there is an outbound network', () => {
  const [online, offline] = [true, false].map((outbound) =>
    monitorArguments(kind, shape, { kind: 'restore' }, outbound),
  );
  const differing = online!.filter((word, index) => word !== offline![index]);
  assert.equal(differing.length, 1);
  assert.ok(offline!.includes(`${differing[0]},restrict=on`));
  const without = monitorArguments(kind, { ...shape, network: false, drives: [] }, { kind: 'restore' }, true);
  assert.ok(!without.some((word) => /net|drive/.test(word)));
});

test('hardware virtualization shows the processor of this machine, and says so in the identity', () => {
  const words = monitorArguments(kvm, shape, { kind: 'restore' }, true);
  assert.equal(words[words.indexOf('-accel') + 1], 'kvm');
  assert.equal(words[words.indexOf('-cpu') + 1], 'host');
  assert.match(identityOf(kvm), /; kvm; .*; host 0123456789abcdef; hardware \d+$/);
  assert.match(identityOf(kind), /^qemu 7\.2\.22; tcg; pc,.*; max; hardware \d+$/);
  assert.ok(!kernelWords(kvm).includes('mitigations'));
});

test('older versions are not asked for what they do not know', () => {
  const words = monitorArguments({ ...kind, version: [6, 2] }, shape, { kind: 'restore' }, true);
  assert.ok(!words[words.indexOf('-M') + 1]!.includes('i8042'));
});
