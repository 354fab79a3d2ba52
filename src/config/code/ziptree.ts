/** Entries of one zip. Zip files without the 64-bit extension end there; each entry may cost an inode. */
const entriesMax = 65_535;
/** Linux: one name of a path. */
const nameBytesMax = 255;
/** With any data folder before it, a path stays below Linux's 4,096. */
const pathBytesMax = 2_048;
/** Linux follows as many links in one path. */
const hopsMax = 40;

type Node =
  | { readonly kind: 'file' }
  | { readonly kind: 'folder' }
  | { readonly kind: 'link'; readonly target: string };

/**
 * The tree that a zip would make, checked before a byte is written: nothing twice, no file that is also a folder,
 * nothing outside, and no link that leads outside by whatever detour through other links.
 */
export class ZipTree {
  readonly #nodes = new Map<string, Node>();
  #entries = 0;

  /** The path inside the tree, or null when the entry must be refused. `''` is the root. */
  add(name: string, node: Node): string | null {
    if (++this.#entries > entriesMax) return null;
    if (name.includes('\0') || name.includes('\\') || name.startsWith('/') || /^[a-zA-Z]:/.test(name)) return null;
    if (Buffer.byteLength(name) > pathBytesMax) return null;
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.some((part) => part === '..' || Buffer.byteLength(part) > nameBytesMax)) return null;
    const path = parts.join('/');
    if (path === '') return node.kind === 'folder' ? '' : null;
    let parent = '';
    for (const part of parts.slice(0, -1)) {
      parent = parent === '' ? part : `${parent}/${part}`;
      const found = this.#nodes.get(parent);
      if (found === undefined) this.#nodes.set(parent, { kind: 'folder' });
      else if (found.kind !== 'folder') return null;
    }
    const before = this.#nodes.get(path);
    if (before !== undefined) return before.kind === 'folder' && node.kind === 'folder' ? path : null;
    this.#nodes.set(path, node);
    return path;
  }

  setTarget(path: string, target: string): void {
    this.#nodes.set(path, { kind: 'link', target });
  }

  *folders(): Iterable<string> {
    for (const [path, node] of this.#nodes) if (node.kind === 'folder') yield path;
  }

  *links(): Iterable<{ readonly path: string; readonly target: string }> {
    for (const [path, node] of this.#nodes) if (node.kind === 'link') yield { path, target: node.target };
  }

  /** Whether every link, followed as Linux would, stays inside. Dangling ones may; loops and absolute ones may not. */
  linksStayInside(): boolean {
    for (const { path } of this.links()) if (!this.#staysInside(path)) return false;
    return true;
  }

  #staysInside(path: string): boolean {
    const at: string[] = [];
    const todo = path.split('/');
    let hops = 0;
    while (todo.length > 0) {
      const part = todo.shift()!;
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (at.pop() === undefined) return false;
        continue;
      }
      at.push(part);
      const node = this.#nodes.get(at.join('/'));
      if (node?.kind !== 'link') continue;
      if (node.target === '' || node.target.startsWith('/') || node.target.includes('\0')) return false;
      if (Buffer.byteLength(node.target) > pathBytesMax || ++hops > hopsMax) return false;
      at.pop();
      todo.unshift(...node.target.split('/'));
    }
    return true;
  }
}
