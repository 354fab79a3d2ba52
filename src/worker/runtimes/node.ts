import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../adapters/projectroot.js';
import type { RuntimeName } from '../../wire/functionspec.js';
import {
  type FoundRuntime,
  languageDirectory,
  nodeMajor,
  type RuntimeFamily,
  runtimeDirectory,
} from './description.js';
import { makeNodeBootstrap, nodeBootstrapFile } from './nodebootstrap.js';
import { installNode, nodeFolder, nodeVersion } from './nodeinstall.js';

/**
 * Experimental features that Lambda switches off
 * (https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html), by version of Node. A function switches one on
 * again by naming it without `no-` in its NODE_OPTIONS.
 */
const disabledFeatures: Readonly<Record<number, readonly string[]>> = {
  20: ['--no-experimental-require-module'],
  22: ['--no-experimental-require-module', '--no-experimental-detect-module'],
};

/** NODE_OPTIONS a process of this runtime starts with, given those of the function; empty for none. */
export function nodeOptions(name: RuntimeName, wanted = ''): string {
  const disabled = disabledFeatures[nodeMajor(name)!] ?? [];
  const kept = disabled.filter((flag) => !wanted.includes(flag.replace('--no-', '--')));
  return [...kept, wanted].filter((part) => part !== '').join(' ');
}

/** The Node of this process when its major version fits, else the one `add` installed, else null. */
export async function findNode(name: RuntimeName, runtimesDirectory: string): Promise<FoundRuntime | null> {
  const major = nodeMajor(name)!;
  const installed = join(nodeFolder(runtimesDirectory, name), 'bin', 'node');
  const own = Number.parseInt(process.versions.node, 10) === major;
  const binary = own ? process.execPath : installed;
  if (!existsSync(binary)) return null;
  const version = own ? process.versions.node : await nodeVersion(binary);
  if (version === null || Number.parseInt(version, 10) !== major) return null;
  const options = nodeOptions(name);
  const guest = join(projectRoot, 'guest', 'node');
  const bootstrap = makeNodeBootstrap(guest, join(runtimesDirectory, 'node-bootstrap'));
  return {
    version,
    detail: own ? `this machine's Node, ${binary}` : `installed in ${dirname(dirname(binary))}`,
    launch: {
      name,
      mounts: [
        { hostPath: binary, sandboxPath: `${languageDirectory}/bin/node` },
        { hostPath: bootstrap, sandboxPath: runtimeDirectory },
      ],
      command: [`${languageDirectory}/bin/node`, `${runtimeDirectory}/${nodeBootstrapFile}`],
      environment: options === '' ? {} : { NODE_OPTIONS: options },
    },
  };
}

export const nodeFamily: RuntimeFamily = {
  owns: (name) => nodeMajor(name) !== null,
  find: findNode,
  absence: async () => ({ status: 'installable', detail: `npm package node-linux-${process.arch}` }),
  install: installNode,
};
