/** Values as YAML, as people write it: the form in which Score files are read. */

const PLAIN = /^[A-Za-z_/$][\w./${}@+-]*(?: [\w./${}@+()-]+)*$/;
const MEANS_ELSE = /^(?:true|false|yes|no|on|off|null|y|n|~|\.(?:inf|nan))$/i;

/** The value as a YAML document. */
export function yamlOf(value: unknown): string {
  return `${lines(value, '').join('\n')}\n`;
}

function lines(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${indent}[]`];
    return value.flatMap((item: unknown) => {
      const [first = '', ...rest] = lines(item, `${indent}  `);
      return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
    });
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return [`${indent}{}`];
    return entries.flatMap(([name, item]) => entry(`${indent}${scalar(name)}:`, item, indent));
  }
  if (typeof value === 'string' && value.includes('\n')) return block('', value, indent);
  return [indent + scalar(value)];
}

function entry(head: string, item: unknown, indent: string): string[] {
  if (typeof item === 'string' && item.includes('\n')) return block(`${head} `, item, `${indent}  `);
  const within = lines(item, `${indent}  `);
  const nested = typeof item === 'object' && item !== null && Object.keys(item).length > 0;
  return nested ? [head, ...within] : [`${head} ${(within[0] ?? '').trim()}`];
}

function block(head: string, text: string, indent: string): string[] {
  // A line that begins with a space would be taken for the block's indentation, and one ending decides what is kept.
  if (/^\s|\n\n$|[^\n]\r/.test(text)) return [head === '' ? indent + quoted(text) : head + quoted(text)];
  const kept = text.endsWith('\n') ? '|' : '|-';
  const body = text.replace(/\n$/, '').split('\n');
  return [`${head === '' ? indent : head}${kept}`, ...body.map((line) => (line === '' ? '' : indent + line))];
}

function scalar(value: unknown): string {
  if (value === undefined) return 'null';
  if (typeof value !== 'string') return JSON.stringify(value);
  return PLAIN.test(value) && !MEANS_ELSE.test(value) ? value : quoted(value);
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
