import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { stop } from '../../test/system/childprocess.js';
import { Hearth, ownNode } from '../../test/system/hearth.js';
import type { Scenario } from '../scenario.js';
import { spread } from '../statistics.js';

const rounds = 15;
const functions = 10;

/** From saving a file to the first answer of the new code. */
export const deploy: Scenario = {
  name: 'deploy',
  title: 'hearth deploy --watch: from a changed file to the first answer of the new code, in a stack of ten functions',
  run: async (progress) => {
    const hearth = await Hearth.start();
    const folder = join(hearth.folder, 'stack');
    const save = (index: number, value: number) => {
      mkdirSync(join(folder, `f${index}`), { recursive: true });
      writeFileSync(join(folder, `f${index}`, 'index.js'), `exports.handler = async () => ${value};\n`);
    };
    const resources = Array.from({ length: functions }, (_, index) => {
      save(index, 0);
      const properties = `{FunctionName: f${index}, Runtime: ${ownNode}, Handler: index.handler, Role: r, Code: f${index}}`;
      return `  F${index}: {Type: AWS::Lambda::Function, Properties: ${properties}}\n`;
    });
    writeFileSync(join(folder, 'template.yaml'), `Resources:\n${resources.join('')}`);
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'TERM', join(projectRoot, 'bin', 'hearth'), 'deploy', folder, '--watch', '--data', hearth.folder],
      { stdio: ['ignore', 'ignore', 'pipe'], env: hearth.environment },
    );
    try {
      const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
      const line = async (pattern: RegExp) => {
        for (;;) {
          const { value, done } = await lines.next();
          if (done === true) throw new Error('hearth deploy --watch ended');
          if (pattern.test(value)) return;
        }
      };
      await line(/Waiting for changes/);
      const answeredMs: number[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        progress(`change ${round}/${rounds}`);
        const index = round % functions;
        const startedMs = performance.now();
        save(index, round);
        await line(/1 updated/);
        const { payload } = await hearth.invoke(`f${index}`, {});
        if (payload !== String(round)) throw new Error(`f${index} answers ${payload}, not ${round}`);
        answeredMs.push(performance.now() - startedMs);
      }
      const { median, min, max } = spread(answeredMs);
      return [
        {
          name: 'from a changed file to the first answer of the new code',
          value: median / 1_000,
          range: [min / 1_000, max / 1_000],
          unit: 's',
          limit: { kind: 'at-most', value: 1 },
        },
      ];
    } finally {
      await stop(child);
      await hearth.remove();
    }
  },
};
