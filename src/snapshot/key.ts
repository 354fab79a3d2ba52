import { createHash } from 'node:crypto';
import type { MachineShape } from '../vmm/vmm.js';

/** Rises when what is stored changes its meaning: older snapshots are then made again. */
export const snapshotFormat = 1;

/** Everything that a restore depends on besides the memory itself. */
export interface SnapshotBasis {
  /** Content of the guest image: kernel, agent, root file system. */
  readonly imageId: string;
  /** `Vmm.identity`: monitor and version, accelerator, machine type, processor model. */
  readonly identity: string;
  readonly shape: MachineShape;
}

/** 32 hexadecimal digits: what tells snapshots apart that must not be mixed up. 128 bits: no two meet by chance. */
function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Of a machine that booted and runs nothing but its agent. */
export function osKey({ imageId, identity, shape }: SnapshotBasis): string {
  const drives = shape.drives.map(({ bytes, readOnly }) => [bytes, readOnly]);
  const { memoryMib, processors, network } = shape;
  return digest([snapshotFormat, imageId, identity, memoryMib, processors, drives, network]);
}

/** What a runtime layer adds to the OS layer. */
export interface RuntimeBasis {
  /** Content of the runtime's image. */
  readonly imageId: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Of a machine whose runtime is loaded and waits for its function. */
export function runtimeKey(os: string, { imageId, command, environment }: RuntimeBasis): string {
  return digest([os, imageId, command, Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** Of what a function's snapshot can be restored on: the OS layer's, and the runtime's image where it has one. */
export function functionBasis(os: string, runtimeImageId: string | null): string {
  return digest([os, runtimeImageId]);
}
