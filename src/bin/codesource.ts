import type { ConfigService } from '../config/service.js';
import type { LayerTrees } from '../worker/layers/layertrees.js';
import { SharedLibraries } from '../worker/layers/sharedlibraries.js';
import type { CodeSource } from '../worker/service.js';

/** Unpacked code and layers, as the worker wants them for a sandbox. */
export function codeSource(config: ConfigService, layers: LayerTrees): CodeSource {
  const sharedLibraries = new SharedLibraries();
  return {
    acquire: async (spec) => {
      // Superseded trees stay longer than any invocation that may still read them (see config/codestore.ts).
      const codeDirectory = await config.codeFolder(spec.codeSha256Hex);
      const { directory: layersDirectory, release } = await layers.acquire(spec.layers);
      const libraries = await sharedLibraries.among(codeDirectory, layersDirectory);
      return { codeDirectory, layersDirectory, libraries, release };
    },
  };
}
