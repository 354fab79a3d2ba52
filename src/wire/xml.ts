/** What an operation of the query protocol answers: text, a list (`<member>` each), or members by name. */
export type XmlValue = string | readonly XmlValue[] | { readonly [name: string]: XmlValue | undefined };

/** Control characters, which XML 1.0 cannot hold, become `?`. */
export function xmlText(text: string): string {
  let safe = '';
  for (const character of text) {
    if (character === '&') safe += '&amp;';
    else if (character === '<') safe += '&lt;';
    else if (character === '>') safe += '&gt;';
    else safe += character < ' ' && character !== '\n' && character !== '\t' ? '?' : character;
  }
  return safe;
}

export function renderXml(value: XmlValue | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return xmlText(value);
  if (isList(value)) return value.map((item) => `<member>${renderXml(item)}</member>`).join('');
  return Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => `<${name}>${renderXml(member)}</${name}>`)
    .join('');
}

function isList(value: XmlValue): value is readonly XmlValue[] {
  return Array.isArray(value);
}
