import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../worker/sandbox/programs.js';
import { hashFile, makeErofs } from './erofs.js';
import { currentImage, guestImage } from './guestimage.js';
import { ImageError, runtimeDriveBytes } from './image.js';
import { downloadPackages, resolvePackages } from './packages.js';
import { makeRoot } from './root.js';
import { currentRuntimeImage, runtimeImage } from './runtimeimage.js';
import { WorkFolder } from './workfolder.js';

const folder = mkdtempSync(join(tmpdir(), 'hearth-image-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const lacking = ['mkfs.erofs', 'dump.erofs', 'apt-get'].find((name) => findProgram(name) === null);
const options = { skip: lacking ? `${lacking} is missing` : false, timeout: 120_000 };

let folders = 0;
function newFolder(below = folder): string {
  folders += 1;
  const path = join(below, String(folders));
  mkdirSync(path);
  return path;
}

/** A "runtime" of a few files. */
function runtimeFiles(bytes = 1000) {
  const source = newFolder();
  mkdirSync(join(source, 'bin'));
  mkdirSync(join(source, 'lib'));
  writeFileSync(join(source, 'bin', 'tool'), Buffer.alloc(bytes, 'x'), { mode: 0o755 });
  writeFileSync(join(source, 'lib', 'secret'), 'only for its owner', { mode: 0o600 });
  symlinkSync('tool', join(source, 'bin', 'alias'));
  symlinkSync(process.execPath, join(source, 'bin', 'node'));
  symlinkSync('/no/such/file', join(source, 'bin', 'dangling'));
  return { name: 'test', mounts: [{ hostPath: source, sandboxPath: '/var/lang' }] };
}

function listed(image: string, path: string): string {
  return spawnSync('dump.erofs', ['--ls', `--path=${path}`, image], { encoding: 'utf8' }).stdout;
}

test('the same files give the same image, however they came there', options, async () => {
  const contents = Array.from({ length: 60 }, (_, index) => [`file${index}`, `content ${index}`.repeat(index * 40)]);
  const hashes = new Set<string>();
  // Other file systems list a folder's files in another order.
  const places = [folder, folder, ...(existsSync('/dev/shm') ? ['/dev/shm'] : [])];
  for (const [index, place] of places.entries()) {
    const tree = mkdtempSync(join(place, 'tree-'));
    for (const [name, content] of index % 2 === 0 ? contents : contents.toReversed()) {
      writeFileSync(join(tree, name!), content!);
      utimesSync(join(tree, name!), index, index);
    }
    const image = join(folder, `order${index}`);
    await makeErofs(image, tree);
    rmSync(tree, { recursive: true });
    hashes.add(await hashFile(image));
  }
  assert.equal(hashes.size, 1);
});

test('a runtime’s image: made once, for exactly these files', options, async () => {
  const directory = newFolder();
  const launch = runtimeFiles();
  assert.equal(await currentRuntimeImage(launch, directory), null);
  const image = await runtimeImage(launch, directory);
  assert.equal(image.bytes, runtimeDriveBytes);
  assert.deepEqual(await runtimeImage(launch, directory), image);
  assert.deepEqual(await currentRuntimeImage(launch, directory), image);
  assert.match(listed(image.path, '/var/lang/bin'), / 7 {2}alias\n[\s\S]* 1 {2}node\n[\s\S]* 1 {2}tool\n/);
  assert.doesNotMatch(listed(image.path, '/var/lang/bin'), /dangling/);
  // Whoever runs in the guest reads it.
  assert.match(listed(image.path, '/var/lang/lib/secret'), /Uid: 0 {3}Gid: 0 {2}Access: 0644/);
  // In another folder, of other files with the same contents: the same image.
  const again = await runtimeImage({ ...launch, mounts: [...launch.mounts] }, newFolder());
  assert.equal(again.id, image.id);
  writeFileSync(join(launch.mounts[0]!.hostPath, 'bin', 'tool'), 'changed');
  const changed = await runtimeImage(launch, directory);
  assert.notEqual(changed.id, image.id);
  // One that went is made again.
  rmSync(dirname(changed.path), { recursive: true });
  assert.deepEqual(await runtimeImage(launch, directory), changed);
});

test('what cannot be in a runtime’s image is refused', options, async () => {
  const [mount] = runtimeFiles().mounts;
  const wrong = { name: 'test', mounts: [{ ...mount!, sandboxPath: '/usr/lib' }] };
  await assert.rejects(runtimeImage(wrong, newFolder()), ImageError);
  const missing = { name: 'test', mounts: [{ ...mount!, hostPath: join(folder, 'missing') }] };
  await assert.rejects(runtimeImage(missing, newFolder()), /its files are missing/);
});

function otherProcess(directory: string, mounts: string): ChildProcess {
  const program = join(dirname(fileURLToPath(import.meta.url)), 'image.child.js');
  return spawn(process.execPath, [program, directory, mounts], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('several processes make one image; one that is killed leaves nothing in the way', options, async () => {
  const directory = newFolder();
  const launch = runtimeFiles(40_000_000);
  const mounts = join(folder, 'mounts.json');
  writeFileSync(mounts, JSON.stringify(launch.mounts));
  const killed = otherProcess(directory, mounts);
  const begun = (name: string) => name.startsWith('.hearth-');
  while (killed.exitCode === null && !(existsSync(directory) && readdirSync(directory).some(begun))) await delay(1);
  killed.kill('SIGKILL');
  await new Promise((resolve) => killed.once('close', resolve));
  const builders = [otherProcess(directory, mounts), otherProcess(directory, mounts)];
  const said = await Promise.all(builders.map((child) => text(child.stdout!)));
  const image = await runtimeImage(launch, directory);
  for (const one of said) assert.equal(one, `started\n${image.id}\n`);
  assert.deepEqual(
    readdirSync(directory).map((name) => name.replace(/-.*/, '-')),
    ['runtime-'],
  );
});

test('a build that fails leaves nothing, and the next one is not held up', options, async () => {
  const work = new WorkFolder(newFolder());
  const failing = work.locked(() =>
    work.make('part', 'k', async (directory) => {
      writeFileSync(join(directory, 'half'), '');
      throw new ImageError('no');
    }),
  );
  await assert.rejects(failing, /no/);
  assert.deepEqual(readdirSync(work.path), []);
  const made = await work.locked(() =>
    work.make('part', 'k', async (directory) => writeFileSync(join(directory, 'whole'), '')),
  );
  assert.deepEqual(readdirSync(made), ['whole']);
});

test('the same packages give the same root image', options, async () => {
  const packages = await resolvePackages(['libc6', 'libc-bin', 'bash', 'gawk', 'ca-certificates', 'netbase', 'tzdata']);
  const names = packages.map(({ name }) => name);
  assert.ok(names.includes('libtinfo6'), 'what bash needs comes along');
  assert.ok(!names.some((name) => /^(debconf|dpkg|perl)/.test(name)), names.join());
  assert.deepEqual(names, names.toSorted());
  const downloads = newFolder();
  // As a download that was killed leaves it.
  writeFileSync(join(downloads, packages[0]!.file), 'half');
  await downloadPackages(packages, downloads, () => {});
  const hashes = [];
  for (const directory of [newFolder(), newFolder()]) {
    const phases = new Set<string>();
    const files = packages.map(({ file }) => join(downloads, file));
    await makeRoot(files, directory, null, ({ phase }) => phases.add(phase));
    assert.deepEqual(readdirSync(directory), ['root.erofs']);
    assert.deepEqual([...phases], ['unpack', 'compile', 'pack']);
    hashes.push(await hashFile(join(directory, 'root.erofs')));
  }
  assert.equal(hashes[0], hashes[1]);
});

test('the guest image is found again, and knows what it consists of', { ...options, timeout: 240_000 }, async () => {
  const image = await guestImage();
  assert.match(image.id, /^[0-9a-f]{64}$/);
  assert.deepEqual(await currentImage(), image);
  assert.equal((await readFile(image.initrdPath)).toString('latin1', 0, 6), '070701');
  for (const path of ['/usr/bin/bash', '/usr/bin/python3', '/etc/ssl/certs/ca-certificates.crt', '/etc/resolv.conf']) {
    assert.match(listed(image.rootPath, path), /Access: 0(644|755|777)/, path);
  }
  assert.ok(image.packages.some((name) => name.startsWith('curl_')));
});
