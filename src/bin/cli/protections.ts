import colours from 'picocolors';
import type { Protection } from '../../worker/sandbox/driver.js';
import { table } from './terminal.js';

/** One line a protection: in force or not, and how or why not. */
export function protectionRows(protections: readonly Protection[]): string {
  return table(
    ['', 'PROTECTION', 'HOW, OR WHY NOT'],
    protections.map(({ name, inForce, detail }) => [inForce ? colours.green('✓') : colours.red('✗'), name, detail]),
  );
}
