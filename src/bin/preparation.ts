import type { ConfigService } from '../config/service.js';
import type { CodeImages } from '../snapshot/codeimages.js';
import type { LayerTrees } from '../worker/layers/layertrees.js';
import { codeOwner, layersOwner } from '../worker/sandbox/microvm/microvmbox.js';
import type { WorkerService } from '../worker/service.js';

/** Code and layers become images when their version does, off the path of its first start. */
export function prepareImages(config: ConfigService, layers: LayerTrees, images: CodeImages): void {
  config.onVersionActive(async ({ account, functionName, codeSha256Hex, layers: list }) => {
    try {
      await images.of(await config.codeFolder(codeSha256Hex), codeOwner({ account, functionName }));
      const held = await layers.acquire(list);
      try {
        if (held.directory !== null) await images.of(held.directory, layersOwner({ account, functionName }));
      } finally {
        held.release();
      }
    } catch {
      // The first start makes them, or says why they cannot be made.
    }
  });
}

/** Runtimes of functions that exist get spares: those in use at the start, and each whose function becomes active. */
export function keepSpares(config: ConfigService, worker: WorkerService): void {
  config.onVersionActive(({ runtime, account }) => worker.prewarm(runtime, account));
  for (const { runtime, account } of config.runtimesInUse()) worker.prewarm(runtime, account);
}
