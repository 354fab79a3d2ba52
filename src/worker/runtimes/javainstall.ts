import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { type Entry, open, type ZipFile } from 'yauzl';
import { type InstallProgress, RuntimeUnavailable } from './description.js';
import { runPackageTool } from './packagetool.js';

/** AWS's runtime client for Java; the newest when this was written, Java 8 and later. */
const clientVersion = '2.9.0';

const project = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>hearth</groupId><artifactId>java-runtime</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.amazonaws</groupId>
      <artifactId>aws-lambda-java-runtime-interface-client</artifactId>
      <version>${clientVersion}</version>
    </dependency>
  </dependencies>
</project>
`;

/** Folder of the client below the runtimes' folder, the same for all versions of Java: `lib/*.jar` and `lib/jni`. */
export function clientFolder(runtimesDirectory: string): string {
  return join(runtimesDirectory, `java-client-${clientVersion}`);
}

/** The client's native part for this machine; Lambda's own runtimes have it unpacked, too. */
export function nativeLibrary(): string {
  return `libaws-lambda-jni.linux-${process.arch === 'arm64' ? 'aarch_64' : 'x86_64'}.so`;
}

async function extract(archive: string, wanted: string, target: string): Promise<void> {
  const zip = await promisify<string, { lazyEntries: boolean }, ZipFile>(open)(archive, { lazyEntries: true });
  const found = await new Promise<Buffer | null>((resolve, reject) => {
    zip.on('error', reject);
    zip.on('end', () => resolve(null));
    zip.on('entry', (entry: Entry) => {
      if (entry.fileName !== wanted) return zip.readEntry();
      zip.openReadStream(entry, (error, stream) => {
        if (error) reject(error);
        else resolve(buffer(stream));
      });
    });
    zip.readEntry();
  }).finally(() => zip.close());
  if (found === null) throw new RuntimeUnavailable(`${archive} has no ${wanted}`);
  await writeFile(target, found, { mode: 0o755 });
}

/** Fetches AWS's runtime client and what it needs from Maven Central. Rejects with RuntimeUnavailable. */
export async function installJavaClient(
  runtimesDirectory: string,
  onProgress: (progress: InstallProgress) => void,
): Promise<void> {
  onProgress({ phase: 'resolve', fraction: null });
  await mkdir(runtimesDirectory, { recursive: true });
  const temporary = await mkdtemp(join(runtimesDirectory, '.adding-java-'));
  try {
    const folder = join(temporary, 'client');
    const lib = join(folder, 'lib');
    await mkdir(join(lib, 'jni'), { recursive: true });
    await writeFile(join(temporary, 'pom.xml'), project);
    onProgress({ phase: 'download', fraction: 0.1 });
    const quiet = ['--quiet', '--batch-mode', '--file', join(temporary, 'pom.xml')];
    const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${lib}`];
    await runPackageTool(['mvn', ...quiet, ...copy], process.env).catch((error: Error) => {
      const hint = error.message.includes('ENOENT') ? ' (install Maven: Debian package maven)' : '';
      throw new RuntimeUnavailable(`${error.message}${hint}`);
    });
    onProgress({ phase: 'verify', fraction: null });
    const jar = (await readdir(lib)).find((name) => name.startsWith('aws-lambda-java-runtime-interface-client'));
    if (jar === undefined) throw new RuntimeUnavailable('Maven brought no runtime client');
    await extract(join(lib, jar), `jni/${nativeLibrary()}`, join(lib, 'jni', nativeLibrary()));
    const target = clientFolder(runtimesDirectory);
    // Another version of Java may have brought the same client meanwhile.
    await rename(folder, target).catch((error: Error) => {
      if (!existsSync(target)) throw error;
    });
    onProgress({ phase: 'done', fraction: 1 });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
