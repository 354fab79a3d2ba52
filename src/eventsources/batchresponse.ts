/**
 * The messages that a function reported as failed (AWS documentation, "Implementing partial batch responses"): none when
 * it reports nothing at all; null: the report makes no sense, and the whole batch counts as failed.
 */
export function failedItems(payload: Buffer, batchIds: ReadonlySet<string>): readonly string[] | null {
  let response: unknown;
  try {
    response = JSON.parse(payload.toString('utf8') || 'null');
  } catch {
    return null;
  }
  if (response === null) return [];
  if (typeof response !== 'object' || Array.isArray(response)) return null;
  const failures = (response as Readonly<Record<string, unknown>>).batchItemFailures ?? [];
  if (!Array.isArray(failures)) return null;
  const failed: string[] = [];
  for (const failure of failures as readonly unknown[]) {
    if (typeof failure !== 'object' || failure === null) return null;
    const id = (failure as Readonly<Record<string, unknown>>).itemIdentifier;
    if (typeof id !== 'string' || !batchIds.has(id)) return null;
    failed.push(id);
  }
  return failed;
}
