import { insightsOperations } from './insights/operations.js';
import type { InsightsQueries } from './insights/queries.js';
import type { LogsApi, LogsHandler } from './logsapi.js';
import { eventOperations } from './logsevents.js';
import { filterOperations } from './logsfilters.js';
import { groupOperations } from './logsgroups.js';
import { logsFailure } from './logsresource.js';
import { streamOperations } from './logsstreams.js';
import { tagOperations } from './logstags.js';
import type { LogStore } from './logstore.js';

/** The Logs API over a store. Groups of other accounts and regions do not exist for a caller. Null: no queries can be started. */
export function createLogsApi(store: LogStore, queries: InsightsQueries | null = null): LogsApi {
  const api: LogsApi = {
    ...groupOperations(store),
    ...tagOperations(store),
    ...streamOperations(store),
    ...eventOperations(store),
    ...filterOperations(store),
    ...insightsOperations(store, queries),
  };
  const guarded = Object.entries(api).map(([name, handler]) => [name, answeringForTheDisk(handler)]);
  return Object.fromEntries(guarded) as LogsApi;
}

/** A disk that refuses (full, read-only) is no bug: the client may try again. Everything else goes on to crash. */
function answeringForTheDisk(handler: LogsHandler): LogsHandler {
  return async (caller, input) => {
    try {
      return await handler(caller, input);
    } catch (error) {
      if (typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error;
      return logsFailure('ServiceUnavailableException', 'The service cannot complete the request.');
    }
  };
}
