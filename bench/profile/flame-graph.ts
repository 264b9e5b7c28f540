import type { Frame } from './cpu-profile.ts';

const WIDTH = 1400;
const ROW = 17;
const TOP = 40;
/** Narrower ones can't be seen. */
const MIN_WIDTH = 0.6;
const CHARACTER = 6.2;

/** Colours by whose code it is. */
const COLOURS: readonly (readonly [RegExp, string, string])[] = [
  [/\/dist\//, '#f2a154', 'the gateway'],
  [/node_modules\//, '#8fbf6a', 'libraries'],
  [/^node:/, '#7fa8d6', 'Node'],
  [/^/, '#c9c9c9', 'engine and native code'],
];

/**
 * Draws a call tree, callers below, as wide as its time: each rectangle tells on hover what it is and how much of the whole.
 */
export function flameGraph(tree: Frame, title: string): string {
  const scale = WIDTH / tree.totalMicroseconds;
  const depth = depthOf(tree, scale);
  const height = TOP + depth * ROW + 10;
  const parts: string[] = [];
  const draw = (frame: Frame, { x, level }: { x: number; level: number }) => {
    const width = frame.totalMicroseconds * scale;
    if (width < MIN_WIDTH) return;
    const share = ((frame.totalMicroseconds / tree.totalMicroseconds) * 100).toFixed(2);
    parts.push(rectangle({ frame, x, y: height - 10 - (level + 1) * ROW, width, share }));
    let left = x;
    for (const child of frame.children.toSorted((a, b) => b.totalMicroseconds - a.totalMicroseconds)) {
      draw(child, { x: left, level: level + 1 });
      left += child.totalMicroseconds * scale;
    }
  };
  draw(tree, { x: 0, level: 0 });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">
<rect width="100%" height="100%" fill="#fff"/>
<text x="8" y="16" font-size="14">${escaped(title)}</text>
${legend()}
${parts.join('\n')}
</svg>
`;
}

function depthOf(frame: Frame, scale: number): number {
  if (frame.totalMicroseconds * scale < MIN_WIDTH) return 0;
  return 1 + Math.max(0, ...frame.children.map((child) => depthOf(child, scale)));
}

interface Rectangle {
  readonly frame: Frame;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly share: string;
}

function rectangle({ frame, x, y, width, share }: Rectangle): string {
  const colour = COLOURS.find(([urls]) => urls.test(frame.url))?.[1];
  const place = frame.url.replace(/^.*\/(?=dist\/|node_modules\/)/, '');
  const box = `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colour}"/>`;
  const letters = Math.floor((width - 4) / CHARACTER);
  const label =
    letters < 3 ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(frame.name.slice(0, letters))}</text>`;
  return `<g><title>${escaped(`${frame.name} ${place} ${share} %`)}</title>${box}${label}</g>`;
}

function legend(): string {
  return COLOURS.map(([, colour, name], index) => {
    const x = 8 + index * 180;
    return `<rect x="${x}" y="22" width="12" height="12" fill="${colour}"/><text x="${x + 17}" y="32">${name}</text>`;
  }).join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
