import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { FunctionSpec, RuntimeName } from '../../wire/functionspec.js';
import { javaClient, javaFamily, readJavaHome } from './java.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'hearth-java-')));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A folder that looks like a Java installation. */
function install(name: string, release: string | null): string {
  const home = join(folder, name);
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'bin', 'java'), '');
  if (release !== null) writeFileSync(join(home, 'release'), release);
  return home;
}

test('an installation is known by its release file', () => {
  const seventeen = install('17', 'IMPLEMENTOR="Debian"\nJAVA_VERSION="17.0.15"\nOS_NAME="Linux"\n');
  assert.deepEqual(readJavaHome(seventeen), { home: seventeen, version: '17.0.15' });
  assert.equal(readJavaHome(install('8', 'JAVA_VERSION="1.8.0_412"\n'))?.version, '8.0.412');
  assert.equal(readJavaHome(install('none', null)), null);
  assert.equal(readJavaHome(install('odd', 'nothing of use')), null);
  assert.equal(readJavaHome(join(folder, 'nowhere')), null);
});

test('a version that is not here says how to get it; one without the client can be added', async (context) => {
  const before = process.env.JAVA_HOME;
  process.env.JAVA_HOME = install('eleven', 'JAVA_VERSION="11.0.2"\n');
  try {
    const { status, detail } = await javaFamily.absence('java11');
    assert.equal(status, 'installable');
    assert.match(detail, /eleven, and AWS's runtime client from Maven Central/);
    assert.equal(await javaFamily.find('java11', join(folder, 'runtimes')), null);
  } finally {
    if (before === undefined) delete process.env.JAVA_HOME;
    else process.env.JAVA_HOME = before;
  }
  const absent = await javaFamily.absence('java8.al2');
  if (absent.status !== 'missing') return context.skip('this machine has Java 8');
  assert.match(absent.detail, /install Java 8 \(Debian package openjdk-8-jre-headless/);
});

test('the command has the heap and the flags of Lambda', () => {
  const of = (runtime: RuntimeName, memoryMib: number) =>
    javaClient({ runtime, memoryMib, handler: 'pkg.Class::method', environment: {} } as unknown as FunctionSpec)
      .command;
  const seventeen = of('java17', 512);
  assert.deepEqual(seventeen.slice(0, 3), ['/var/lang/bin/java', '-XX:MaxHeapSize=445645k', '-XX:+UseSerialGC']);
  assert.deepEqual(seventeen.slice(-3), [
    ...['/var/runtime/lib/*', 'com.amazonaws.services.lambda.runtime.api.client.AWSLambda', 'pkg.Class::method'],
  ]);
  assert.ok(seventeen.includes('-XX:TieredStopAtLevel=1'));
  assert.ok(!of('java11', 128).includes('-XX:TieredStopAtLevel=1'));
  assert.ok(!of('java8.al2', 128).some((flag) => flag.startsWith('--add-opens')));
  assert.ok(of('java25', 128).includes('--enable-native-access=ALL-UNNAMED'));
});
