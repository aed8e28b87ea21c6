/**
 * Reads the YAML that people paste into a form: nested mappings and lists by indentation, plain and quoted scalars, texts
 * of several lines, and JSON. What is beyond that (anchors, tags, several documents) is refused by `undefined`, not guessed:
 * where a whole file is sent, the api reads it.
 */
export function readYaml(text: string): unknown {
  const lines = text
    .replaceAll('\r', '')
    .split('\n')
    .filter((line, at) => !(at === 0 && line.trim() === '---'));
  const reader = new Reader(lines);
  try {
    return reader.whole();
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

class Refused extends Error {}

const indentOf = (line: string) => line.length - line.trimStart().length;
const isBlank = (line: string) => /^\s*(#.*)?$/.test(line);

const KEY = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#&*!|>%@`[\]{},?:-][^#:]*?|-[^\s#:][^#:]*?)\s*:(?:\s+(.*))?$/;

class Reader {
  private at = 0;

  constructor(private readonly lines: string[]) {}

  whole(): unknown {
    const first = this.peek();
    if (first === undefined) return undefined;
    const value = /^\s*[[{]/.test(first) ? this.rest() : this.node(indentOf(first));
    if (this.peek() !== undefined) throw new Refused();
    return value;
  }

  /** The next line that says something. */
  private peek(): string | undefined {
    while (this.at < this.lines.length && isBlank(this.lines[this.at] ?? '')) this.at += 1;
    return this.lines[this.at];
  }

  private rest(): unknown {
    const text = this.lines.slice(this.at).join('\n');
    this.at = this.lines.length;
    return json(text);
  }

  private node(indent: number): unknown {
    const line = this.peek() ?? '';
    if (/^\s*-(\s|$)/.test(line)) return this.list(indent);
    if (KEY.test(line.trim())) return this.map(indent);
    this.at += 1;
    return scalar(line.trim());
  }

  private list(indent: number): unknown[] {
    const items: unknown[] = [];
    for (let line = this.peek(); line !== undefined && indentOf(line) === indent; line = this.peek()) {
      if (!/^\s*-(\s|$)/.test(line)) break;
      const within = line.slice(indent + 1);
      if (isBlank(within)) {
        this.at += 1;
        items.push(this.below(indent + 1));
      } else {
        // What comes after the dash is a node of its own, as deep as it stands there.
        this.lines[this.at] = `${' '.repeat(indent + 1)}${within}`;
        const text = within.trim();
        if (KEY.test(text) || /^-(\s|$)/.test(text)) items.push(this.node(indent + 1 + indentOf(within)));
        else {
          this.at += 1;
          items.push(this.value(text, indent));
        }
      }
    }
    return items;
  }

  private map(indent: number): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    for (let line = this.peek(); line !== undefined && indentOf(line) === indent; line = this.peek()) {
      const found = KEY.exec(line.trim());
      if (found?.[1] === undefined) throw new Refused();
      const name = String(scalar(found[1]));
      if (entries.has(name)) throw new Refused();
      this.at += 1;
      const text = (found[2] ?? '').trim();
      entries.set(name, isBlank(text) ? this.below(indent) : this.value(text, indent));
    }
    const next = this.peek();
    if (next !== undefined && indentOf(next) > indent) throw new Refused();
    return Object.fromEntries(entries);
  }

  /** What stands below a name or a dash, further in; a list may begin below its name itself. */
  private below(indent: number): unknown {
    const next = this.peek();
    if (next === undefined) return null;
    const deep = indentOf(next);
    return deep > indent || (deep === indent && /^\s*-(\s|$)/.test(next)) ? this.node(deep) : null;
  }

  private value(text: string, indent: number): unknown {
    const block = /^([|>])([-+]?)$/.exec(text.replace(/\s+#.*$/, ''));
    if (block === null) return scalar(text);
    const held: string[] = [];
    let deep: number | undefined;
    for (; this.at < this.lines.length; this.at += 1) {
      const line = this.lines[this.at] ?? '';
      if (line.trim() !== '' && indentOf(line) <= indent) break;
      if (line.trim() !== '') deep ??= indentOf(line);
      held.push(line.slice(deep ?? line.length));
    }
    const body = held.join(block[1] === '|' ? '\n' : ' ').replace(/\s+$/, '');
    return block[2] === '-' ? body : `${body}\n`;
  }
}

function scalar(text: string): unknown {
  if (text.startsWith("'")) {
    const found = /^'((?:[^']|'')*)'\s*(?:#.*)?$/.exec(text);
    if (found?.[1] === undefined) throw new Refused();
    return found[1].replaceAll("''", "'");
  }
  if (/^["[{]/.test(text)) return json(text.replace(/(["\]}])\s+#.*$/, '$1'));
  const plain = text.replace(/\s+#.*$/, '');
  if (/^[&*!|>%@`]/.test(plain)) throw new Refused();
  if (/^(?:true|True|TRUE)$/.test(plain)) return true;
  if (/^(?:false|False|FALSE)$/.test(plain)) return false;
  if (/^(?:null|Null|NULL|~)$/.test(plain)) return null;
  return /^[-+]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(plain) ? Number(plain) : plain;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused();
  }
}
