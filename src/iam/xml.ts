/** What an operation of the query protocol answers: text, a list (`<member>` each), or members by name. */
export type XmlValue = string | readonly XmlValue[] | { readonly [name: string]: XmlValue | undefined };

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Control characters, which XML 1.0 cannot hold, become `?`. */
function text(value: string): string {
  return value.replace(/[&<>"]/g, (character) => escapes[character] as string).replace(/[^\P{Cc}\n\t\r]/gu, '?');
}

export function renderXml(value: XmlValue | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return text(value);
  if (isList(value)) return value.map((item) => `<member>${renderXml(item)}</member>`).join('');
  return Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => `<${name}>${renderXml(member)}</${name}>`)
    .join('');
}

function isList(value: XmlValue): value is readonly XmlValue[] {
  return Array.isArray(value);
}
