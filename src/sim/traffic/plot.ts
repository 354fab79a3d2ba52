import { type Compared, coldShare } from './comparison.js';

const width = 760;
const height = 460;
const margin = { left: 80, right: 130, top: 40, bottom: 60 };

interface Scale {
  readonly least: number;
  readonly most: number;
}

/** Whole powers of ten around all values. */
function scaleOf(values: readonly number[]): Scale {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  return { least: Math.floor(Math.min(...logs)), most: Math.ceil(Math.max(...logs) + 1e-9) };
}

function share({ least, most }: Scale, value: number): number {
  return value <= 0 ? 0 : (Math.log10(value) - least) / Math.max(1, most - least);
}

/**
 * Cold invocations against memory held idle, both on scales of powers of ten: lower left is better. The line joins the
 * policies that no other one dominates; the chosen one is filled.
 */
export function svgOf(all: readonly Compared[], chosen: string, title: string): string {
  const colds = all.map(({ result }) => 100 * coldShare(result));
  const idles = all.map(({ result }) => result.idleGibHours);
  const across = scaleOf(idles);
  const up = scaleOf(colds);
  const innerWidth = width - margin.left - margin.right;
  const innerHeight = height - margin.top - margin.bottom;
  const x = (value: number) => (margin.left + share(across, value) * innerWidth).toFixed(1);
  const y = (value: number) => (height - margin.bottom - share(up, value) * innerHeight).toFixed(1);

  const points = all.map(({ policy }, index) => ({ policy, idle: idles[index]!, cold: colds[index]! }));
  const front = points
    .filter((one) => !points.some((other) => other !== one && other.idle <= one.idle && other.cold <= one.cold))
    .sort((one, other) => one.idle - other.idle);
  const axis: string[] = [];
  for (let power = across.least; power <= across.most; power += 1) {
    const at = x(10 ** power);
    axis.push(`<line x1="${at}" y1="${margin.top}" x2="${at}" y2="${height - margin.bottom}" stroke="#ddd"/>`);
    axis.push(`<text x="${at}" y="${height - margin.bottom + 18}" text-anchor="middle">${labelOf(power)}</text>`);
  }
  for (let power = up.least; power <= up.most; power += 1) {
    const at = y(10 ** power);
    axis.push(`<line x1="${margin.left}" y1="${at}" x2="${width - margin.right}" y2="${at}" stroke="#ddd"/>`);
    axis.push(`<text x="${margin.left - 8}" y="${Number(at) + 4}" text-anchor="end">${labelOf(power)} %</text>`);
  }
  const dots = points.flatMap(({ policy, idle, cold }) => [
    `<circle cx="${x(idle)}" cy="${y(cold)}" r="5" stroke="#b03a2e" fill="${policy === chosen ? '#b03a2e' : '#fff'}"/>`,
    `<text x="${Number(x(idle)) + 9}" y="${Number(y(cold)) - 6}">${policy}</text>`,
  ]);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    `<text x="${margin.left}" y="22" font-size="14">${title}</text>`,
    ...axis,
    `<polyline points="${front.map(({ idle, cold }) => `${x(idle)},${y(cold)}`).join(' ')}" fill="none" stroke="#b03a2e" stroke-dasharray="4 3"/>`,
    ...dots,
    `<text x="${margin.left + innerWidth / 2}" y="${height - 14}" text-anchor="middle">memory held idle, GiB-hours</text>`,
    `<text transform="translate(18 ${margin.top + innerHeight / 2}) rotate(-90)" text-anchor="middle">invocations that met a cold start</text>`,
    '</svg>',
  ].join('\n')}\n`;
}

function labelOf(power: number): string {
  return power >= 0 ? String(10 ** power) : (10 ** power).toFixed(-power);
}
