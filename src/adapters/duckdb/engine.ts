import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import type { AnalyticsError } from '../../kernel/ports/analytics.js';
import { kib } from '../../kernel/units.js';
import type { EngineReply, EngineRequest, EngineSettings } from './protocol.js';

/** The process that DuckDB runs in: statements come over the channel to its owner, and it ends when that does. */

/** Rows are sent when they have so many characters: the owner is busy with them for a millisecond or two at a time. */
const batchChars = 256 * kib;

const settings = JSON.parse(process.argv[2] ?? '{}') as EngineSettings;
const running = new Map<number, DuckDBConnection | null>();

/** Resolves when the owner has room for more. */
function send(reply: EngineReply): Promise<void> {
  return new Promise((resolve) => process.send?.(reply, () => resolve()));
}

/** In memory, one thread a statement, no file but the folder's, no extension that is not built in; and this is final. */
async function open(): Promise<DuckDBInstance> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const folder = `${settings.folder.replaceAll("'", "''")}/`;
  for (const setting of [
    'autoinstall_known_extensions = false',
    'autoload_known_extensions = false',
    `memory_limit = '${settings.memoryMib}MiB'`,
    "temp_directory = ''",
    `allowed_directories = ['${folder}']`,
    'enable_external_access = false',
    'lock_configuration = true',
  ]) {
    await connection.run(`SET ${setting}`);
  }
  connection.disconnectSync();
  return instance;
}

async function answer(instance: DuckDBInstance, request: EngineRequest & { readonly kind: 'ask' }): Promise<void> {
  const { id, sql, parameters, rowsMax, charsMax } = request;
  const connection = await instance.connect();
  try {
    // Told to stop before it began.
    if (!running.has(id)) return await send({ kind: 'error', id, error: 'cancelled', message: 'cancelled' });
    running.set(id, connection);
    const result = await connection.stream(sql, [...parameters] as DuckDBValue[]);
    await send({ kind: 'columns', id, columns: result.columnNames() });
    let rows = 0;
    let chars = 0;
    let batch: (string | null)[][] = [];
    let batched = 0;
    for await (const chunk of result) {
      for (const row of chunk.getRows() as (string | null)[][]) {
        const length = row.reduce((sum, value) => sum + (value?.length ?? 0), 0);
        if (rows === rowsMax || chars + length > charsMax) {
          await send({ kind: 'rows', id, rows: batch });
          return await send({ kind: 'end', id, truncated: true });
        }
        rows += 1;
        chars += length;
        batched += length;
        batch.push(row);
        if (batched < batchChars) continue;
        await send({ kind: 'rows', id, rows: batch });
        batch = [];
        batched = 0;
      }
    }
    await send({ kind: 'rows', id, rows: batch });
    await send({ kind: 'end', id, truncated: false });
  } catch (error) {
    const message = (error as Error).message;
    await send({ kind: 'error', id, error: kindOf(message), message });
  } finally {
    running.delete(id);
    connection.disconnectSync();
  }
}

/** DuckDB tells its errors apart by how their message begins. */
function kindOf(message: string): AnalyticsError['kind'] {
  if (message.startsWith('INTERRUPT')) return 'cancelled';
  if (message.startsWith('Out of Memory')) return 'memory';
  if (/No files found|No such file|Cannot open file/.test(message)) return 'gone';
  return 'failed';
}

process.once('disconnect', () => process.exit(0));
const opened = open();
process.on('message', (request: EngineRequest) => {
  if (request.kind === 'ask') {
    running.set(request.id, null);
    opened.then((instance) => answer(instance, request)).catch(() => {});
    return;
  }
  running.get(request.id)?.interrupt();
  // Not begun yet: it finds itself gone.
  if (running.get(request.id) === null) running.delete(request.id);
});
opened.then(
  () => send({ kind: 'ready' }),
  async (error: Error) => {
    const why = error.message.split('\n')[0];
    await send({ kind: 'unavailable', message: `DuckDB cannot be loaded on this machine: ${why}` });
    process.exit(1);
  },
);
