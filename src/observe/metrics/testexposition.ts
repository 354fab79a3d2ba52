import assert from 'node:assert/strict';

/**
 * Only for tests: reads Prometheus's text format by its grammar and refuses what does not follow it. Series by name and
 * labels as written.
 */
export function readExposition(text: string): ReadonlyMap<string, number> {
  assert.ok(text.endsWith('\n'), 'the last line ends as all do');
  const series = new Map<string, number>();
  const types = new Map<string, string>();
  let family = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const head = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (head !== null) {
      const [, what, name = '', rest = ''] = head;
      if (what === 'HELP') {
        assert.ok(!types.has(name), `${name} is in one piece`);
        family = name;
      } else {
        assert.equal(name, family);
        assert.match(rest, /^(counter|gauge|histogram)$/);
        types.set(name, rest);
      }
      continue;
    }
    const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
    const sample = new RegExp(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\\{${label}(?:,${label})*\\})? (\\S+)$`).exec(line);
    assert.ok(sample !== null, `not of the format: ${line}`);
    const [, name = '', given = '', value = ''] = sample;
    const base = types.get(family) === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name;
    assert.equal(base, family, 'a series is below its family');
    assert.ok(Number.isFinite(Number(value)), line);
    assert.ok(!series.has(name + given), `${name}${given} is there once`);
    series.set(name + given, Number(value));
  }
  for (const [name, type] of types) assert.equal(name.endsWith('_total'), type === 'counter', name);
  return series;
}
