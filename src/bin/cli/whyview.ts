import colours from 'picocolors';
import type { WhyPhase, WhyReport } from '../../observe/invocations/why.js';
import { table } from './terminal.js';

const nameWidth = 10;
const timeWidth = 10;

function ms(value: number): string {
  return `${value < 100 ? Number(value.toFixed(2)) : Math.round(value)} ms`;
}

const paint: Readonly<Record<WhyPhase['name'], (text: string) => string>> = {
  placement: colours.yellow,
  spare: colours.blue,
  boot: colours.blue,
  restore: colours.blue,
  init: colours.magenta,
  waiting: colours.yellow,
  invoke: colours.green,
  response: colours.dim,
};

/** Phases as bars to scale, from the first one's beginning; those before the arrival are left of the mark. */
function waterfall(phases: readonly WhyPhase[], totalMs: number, width: number): readonly string[] {
  const room = Math.max(20, width - nameWidth - timeWidth - 6);
  // What began long before the invocation would leave it no room: such phases are told in words.
  const drawn = phases.filter(({ startMs, durationMs }) => startMs + durationMs >= 0);
  const fromMs = Math.min(0, ...drawn.map(({ startMs }) => startMs));
  const toMs = Math.max(totalMs, ...drawn.map(({ startMs, durationMs }) => startMs + durationMs), fromMs + 1);
  const place = (atMs: number) => Math.round(((atMs - fromMs) / (toMs - fromMs)) * room);
  return phases.map((phase) => {
    const { name, startMs, durationMs, detail } = phase;
    const head = `  ${name.padEnd(nameWidth)}${ms(durationMs).padStart(timeWidth)}  `;
    const remark = detail === null ? '' : colours.dim(`  ${detail}`);
    if (!drawn.includes(phase))
      return `${head}${colours.dim(`${ms(-startMs)} before the invocation arrived`)}${remark}`;
    const start = Math.min(place(startMs), room - 1);
    const end = Math.max(start + 1, place(startMs + durationMs));
    return `${head}${' '.repeat(start)}${paint[name]('█'.repeat(end - start))}${remark}`;
  });
}

export function whyView(report: WhyReport, width: number): string {
  const { requestId, functionArn, version, type, outcome, problem, because, totalMs, attempts, sandbox } = report;
  const ended = problem === null ? outcome : `${outcome} (${problem})`;
  const tries = attempts > 1 ? `, ${attempts} sandboxes asked for` : '';
  const lines = [
    colours.bold(because),
    `  ${requestId}  ${functionArn}  version ${version}`,
    `  ${type}, ${ended} after ${ms(totalMs)}${tries}`,
  ];
  if (sandbox !== null) {
    const { id, origin, ageMs, invocations, logStream } = sandbox;
    const age = ageMs >= 0 ? `${ms(ageMs)} before` : `${ms(-ageMs)} after`;
    lines.push(`  sandbox ${id}: started ${age} the arrival for ${origin}; ${invocations} invocations so far`);
    lines.push(`  log stream ${logStream}`);
  }
  return [...lines, '', ...waterfall(report.phases, totalMs, width)].join('\n');
}

export function whyList(reports: readonly WhyReport[]): string {
  if (reports.length === 0) return 'Nothing but warm invocations so far.';
  return table(
    ['WHEN', 'REQUEST', 'FUNCTION', 'TOTAL', 'WHY'],
    reports.map(({ arrivedMs, requestId, functionArn, version, totalMs, because }) => [
      new Date(arrivedMs).toISOString().slice(11, 23),
      requestId,
      `${functionArn.split(':')[6] ?? functionArn}:${version}`,
      ms(totalMs),
      because,
    ]),
  );
}
