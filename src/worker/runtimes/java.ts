import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { FunctionSpec } from '../../wire/functionspec.js';
import { javaMajor, languageDirectory, type RuntimeFamily, runtimeDirectory } from './description.js';
import { clientFolder, installJavaClient, nativeLibrary } from './javainstall.js';

/** A Java installation. `version`: as its `release` file says it, for example `17.0.15`. */
interface JavaHome {
  readonly home: string;
  readonly version: string;
}

const folders = (directory: string) =>
  existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];

/** Folders that may be Java installations: what the user chose first, then the system's, then SDKMAN's. */
function candidates(): string[] {
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'java'))
    .filter((file) => existsSync(file))
    .map((file) => dirname(dirname(realpathSync(file))));
  const chosen = process.env.JAVA_HOME ? [process.env.JAVA_HOME] : [];
  return [
    ...chosen,
    ...onPath,
    ...folders('/usr/lib/jvm').sort(),
    ...folders(join(homedir(), '.sdkman', 'candidates', 'java'))
      .sort()
      .reverse(),
  ];
}

/** The installation in a folder, read from its `release` file; null when there is none. */
export function readJavaHome(home: string): JavaHome | null {
  try {
    const version = /^JAVA_VERSION="([^"]+)"$/m.exec(readFileSync(join(home, 'release'), 'utf8'))?.[1];
    if (version === undefined || !existsSync(join(home, 'bin', 'java'))) return null;
    // Java 8 calls itself 1.8.0_412.
    return { home: realpathSync(home), version: version.replace(/^1\.8\.0_/, '8.0.') };
  } catch {
    return null;
  }
}

function findJavaHome(major: number): JavaHome | null {
  for (const folder of candidates()) {
    const found = readJavaHome(folder);
    if (found !== null && Number.parseInt(found.version, 10) === major) return found;
  }
  return null;
}

/** Lambda's Java runtimes: the machine's Java, and AWS's own runtime client from Maven Central. */
export const javaFamily: RuntimeFamily = {
  owns: (name) => javaMajor(name) !== null,

  async find(name, directory) {
    const java = findJavaHome(javaMajor(name)!);
    const client = clientFolder(directory);
    if (java === null || !existsSync(client)) return null;
    return {
      version: java.version,
      detail: `this machine's Java, ${java.home}, with AWS's runtime client`,
      launch: {
        name,
        mounts: [
          { hostPath: java.home, sandboxPath: languageDirectory },
          { hostPath: client, sandboxPath: runtimeDirectory },
        ],
        command: null,
        environment: {},
      },
    };
  },

  async absence(name) {
    const major = javaMajor(name)!;
    const java = findJavaHome(major);
    if (java !== null) {
      return { status: 'installable', detail: `${java.home}, and AWS's runtime client from Maven Central` };
    }
    const detail = `install Java ${major} (Debian package openjdk-${major}-jre-headless, SDKMAN, or set JAVA_HOME)`;
    return { status: 'missing', detail };
  },

  install: (_name, directory, onProgress) => installJavaClient(directory, onProgress),
};

/** Share of the memory that Lambda gives the heap (512 MB: -XX:MaxHeapSize=445645k). */
const heapShare = 0.85;
const kibPerMib = 1_024;

/**
 * What starts a Java function, flags as Lambda's: serial collector, compilation that stops at level 1 since Java 17.
 * `environment`: log events of several lines go, framed, to the channel's descriptor.
 */
export function javaClient(spec: FunctionSpec): {
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
} {
  const major = javaMajor(spec.runtime)!;
  const client = 'com.amazonaws.services.lambda.runtime.api.client';
  const command: [string, ...string[]] = [
    `${languageDirectory}/bin/java`,
    `-XX:MaxHeapSize=${Math.ceil(spec.memoryMib * kibPerMib * heapShare)}k`,
    '-XX:+UseSerialGC',
    '-Xshare:auto',
    ...(major >= 17 ? ['-XX:+TieredCompilation', '-XX:TieredStopAtLevel=1', '-XX:+ErrorFileToStderr'] : []),
    ...(major >= 9 ? ['--add-opens=java.base/java.io=ALL-UNNAMED'] : []),
    // Since Java 24 it warns otherwise when the client loads its native part and uses Unsafe.
    ...(major >= 24 ? ['--enable-native-access=ALL-UNNAMED', '--sun-misc-unsafe-memory-access=allow'] : []),
    '-Dorg.crac.Core.Compat=com.amazonaws.services.lambda.crac',
    '-Djava.net.preferIPv4Stack=true',
    `-D${client}.runtimeapi.NativeClient.JNI=${runtimeDirectory}/lib/jni/${nativeLibrary()}`,
    '-classpath',
    `${runtimeDirectory}/lib/*`,
    `${client}.AWSLambda`,
    spec.handler,
  ];
  // Behind a wrapper script, which may close or reuse descriptor 3, the channel has a second one.
  const descriptor = spec.environment.AWS_LAMBDA_EXEC_WRAPPER ? '200' : '3';
  return { command, environment: { _LAMBDA_TELEMETRY_LOG_FD: descriptor } };
}
