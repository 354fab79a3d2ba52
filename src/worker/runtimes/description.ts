import type { RuntimeName } from '../../wire/functionspec.js';
import type { RuntimeLaunch } from '../sandbox/driver.js';

/** What `hearth runtimes` shows of one runtime. */
export interface RuntimeDescription {
  readonly name: RuntimeName;
  /** `installable`: `add` can fetch it. `missing`: the machine must provide it; `detail` says how. */
  readonly status: 'ready' | 'installable' | 'missing';
  /** Full version of the language, for example `22.23.3`; null while not ready or where there is none. */
  readonly version: string | null;
  /** Where it comes from, or how to get it. */
  readonly detail: string;
}

/** One step of adding a runtime. `fraction` is 0–1, or null where it is not known. */
export interface InstallProgress {
  readonly phase: 'resolve' | 'download' | 'verify' | 'done';
  readonly fraction: number | null;
}

/** A runtime found on this machine. */
export interface FoundRuntime {
  readonly version: string;
  readonly detail: string;
  readonly launch: RuntimeLaunch;
}

/** One language: how its runtimes are found on this machine, and how they get here. */
export interface RuntimeFamily {
  owns(name: RuntimeName): boolean;
  /** Null while something of it is not here. `directory`: where `install` puts things. */
  find(name: RuntimeName, directory: string): Promise<FoundRuntime | null>;
  /** What is to be said and done of one that `find` did not find. */
  absence(name: RuntimeName): Promise<Pick<RuntimeDescription, 'status' | 'detail'>>;
  /** Makes an `installable` one ready, whole or not at all. Rejects with RuntimeUnavailable. */
  install?(name: RuntimeName, directory: string, onProgress: (progress: InstallProgress) => void): Promise<void>;
}

/** The runtime is not on this machine, or could not be added. The message says what to do. */
export class RuntimeUnavailable extends Error {
  override readonly name = 'RuntimeUnavailable';
}

/** Where Lambda has the language and its own runtime code, and Hearth shows them too. */
export const languageDirectory = '/var/lang';
export const runtimeDirectory = '/var/runtime';

/** `nodejs22.x` → 22, `python3.11` → `3.11`; null for others. */
export function nodeMajor(name: RuntimeName): number | null {
  return name.startsWith('nodejs') ? Number.parseInt(name.slice('nodejs'.length), 10) : null;
}

/** `java17` → 17, `java8.al2` → 8; null for others. */
export function javaMajor(name: RuntimeName): number | null {
  return name.startsWith('java') ? Number.parseInt(name.slice('java'.length), 10) : null;
}

/** `ruby3.4` → `3.4`; null for others. */
export function rubyMinor(name: RuntimeName): string | null {
  return name.startsWith('ruby') ? name.slice('ruby'.length) : null;
}

export function pythonMinor(name: RuntimeName): string | null {
  return name.startsWith('python') ? name.slice('python'.length) : null;
}
