import { LmdbEnvironment } from '../../src/adapters/embedded/environment.js';
import { withFolder } from './folder.js';

/** What a suite runs an embedded port in: one folder for all its uses, opened anew for each. */
export const embeddedScope =
  <Port>(open: (environment: LmdbEnvironment) => Port) =>
  <T>(body: (use: <R>(action: (port: Port) => Promise<R>) => Promise<R>) => Promise<T>): Promise<T> =>
    withFolder((folder) =>
      body(async (action) => {
        const environment = new LmdbEnvironment(folder);
        try {
          return await action(open(environment));
        } finally {
          await environment.close();
        }
      }),
    );
