import assert from 'node:assert/strict';
import { type Case, comparable, type Observed } from './observed.js';

function title(wanted: Case): string {
  const { handler, folder, event, environment, clientContext } = wanted;
  const given = [
    event === undefined ? '' : JSON.stringify(event).slice(0, 40),
    environment === undefined ? '' : JSON.stringify(environment),
    clientContext ?? '',
  ];
  return [folder === undefined ? handler : `${folder}: ${handler}`, ...given].filter((part) => part !== '').join(' ');
}

function prepared(observed: Observed, directories: readonly string[]): Observed {
  return {
    answers: observed.answers.map(({ kind, body }) => ({ kind, body: comparable(body, directories) })),
    events: observed.events.map((text) => comparable(text, directories)),
    stdout: observed.stdout,
  };
}

/** Runs a case with both runtimes and fails where they differ. */
export async function compareCase(
  wanted: Case,
  ours: (wanted: Case) => Promise<Observed>,
  official: (wanted: Case) => Promise<Observed>,
  directories: readonly string[],
): Promise<void> {
  const [our, their] = await Promise.all([ours(wanted), official(wanted)]);
  // Two runtimes that both fail to start would be equal too.
  if (/^(app|index)\.echo$/.test(wanted.handler) && !wanted.clientContext && !wanted.identity) {
    assert.equal(our.answers[0]?.kind, 'response', JSON.stringify(our.answers));
  }
  assert.deepEqual(prepared(our, directories), prepared(their, directories), title(wanted));
}

/** Runs all cases, a few at a time, and reports each difference; they are many and each starts two processes. */
export async function compareCases(
  test: { test(name: string, body: () => Promise<void>): Promise<void> },
  cases: readonly Case[],
  compare: (wanted: Case) => Promise<void>,
): Promise<void> {
  const waiting = cases.map((wanted, index) => ({ wanted, name: `${index + 1}. ${title(wanted)}` }));
  const together = 2;
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { wanted, name } = next;
      await test.test(name, () => compare(wanted));
    }
  };
  await Promise.all(Array.from({ length: together }, work));
}
