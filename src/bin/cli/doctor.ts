import { totalmem } from 'node:os';
import colours from 'picocolors';
import { DataFolder } from '../datafolder.js';
import { commonOptions, defineCommand } from './options.js';
import { protectionRows } from './protections.js';
import { Terminal, table } from './terminal.js';

export const doctor = defineCommand({
  command: 'doctor',
  describe: 'What this machine offers: isolation, runtimes, limits',
  builder: (command) =>
    commonOptions(command)
      .example('hearth doctor', 'boots a sandbox and a small virtual machine; says what is in force, or why not')
      .epilogue('Exit status: 0 usable with isolation, 1 not.'),
  handler: async (options) => {
    const { probeGrades } = await import('../../worker/sandbox/probe.js');
    const { listRuntimes } = await import('../../worker/runtimes/inventory.js');
    const { sandboxMemoryMib, sandboxesMax } = await import('../platformoptions.js');
    const { machineReport, machineRows } = await import('../machinereport.js');
    const folder = new DataFolder(options.data);
    const machines = await machineReport();
    const grades = [machines.grade, ...probeGrades()];
    const runtimes = await listRuntimes(folder.path);
    const usable = grades.some(({ grade, usable }) => usable && grade !== 'none');
    const result = {
      usable,
      node: process.version,
      grades,
      machines,
      runtimes,
      limits: { memoryMib: Math.floor(totalmem() / 2 ** 20), sandboxMemoryMib: sandboxMemoryMib(), sandboxesMax },
    };
    new Terminal(options.json).result(result, () => {
      const mark = (good: boolean) => (good ? colours.green('✓') : colours.red('✗'));
      const isolated = grades.filter(({ usable, protections }) => usable && protections.length > 0);
      return [
        colours.bold('Isolation'),
        table(
          ['', 'GRADE', 'HOW, OR WHY NOT'],
          grades.map(({ grade, usable, detail }) => [mark(usable), grade, detail]),
        ),
        ...isolated.flatMap(({ grade, protections }) => [
          '',
          colours.bold(`In force with ${grade}`),
          protectionRows(protections),
        ]),
        '',
        colours.bold('Virtual machines'),
        ...machineRows(machines).map(([what, value]) => `  ${what}: ${value}`),
        '',
        colours.bold('Runtimes'),
        table(
          ['', 'RUNTIME', 'VERSION', ''],
          runtimes.map(({ name, status, version, detail }) => [mark(status === 'ready'), name, version ?? '', detail]),
        ),
        '',
        colours.bold('Limits'),
        `  memory for sandboxes ${result.limits.sandboxMemoryMib} of ${result.limits.memoryMib} MiB, at most ${sandboxesMax} sandboxes`,
        '',
        usable
          ? `${mark(true)} This machine runs Hearth with isolation.`
          : `${mark(false)} No isolation here; only trusted code, with: hearth up --isolation none`,
      ].join('\n');
    });
    process.exitCode = usable ? 0 : 1;
  },
});
