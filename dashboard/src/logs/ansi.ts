/**
 * The text of a log line as a terminal would have left it, and as nothing that could do anything: of what steers a terminal
 * only the looks of letters (SGR) are followed, all else is dropped, and what would be unseen, or would turn the text round,
 * is shown as a mark. Colours are those of the theme: a line cannot choose ink that cannot be read.
 */
export interface Span {
  text: string;
  /** Where it begins in the line as it was written, in UTF-16 units; its letters follow one another there. */
  at: number;
  /** Units that it takes there: as many as `text` has, but for a mark. */
  length: number;
  /** Classes of how it looks. */
  look: string;
  /** What stands in place of something unseen: what that is. */
  mark?: string;
}

/** Anything that needs more than being shown as it is. */
// eslint-disable-next-line no-control-regex
const SPECIAL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

/** The spans of a line, of its first `most` units. */
export function spansOf(line: string, most = Infinity): Span[] {
  const text = line.length > most ? line.slice(0, most) : line;
  if (!SPECIAL.test(text)) return text === '' ? [] : [{ text, at: 0, length: text.length, look: '' }];
  return new Reader(text).read();
}

interface Look {
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
  strike: boolean;
  ink: number | undefined;
  ground: number | undefined;
}

const PLAIN: Look = {
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
  strike: false,
  ink: undefined,
  ground: undefined,
};

class Reader {
  private spans: Span[] = [];
  private look = PLAIN;
  private classes = '';
  /** The head went back to the beginning: what comes next is written over what was there. */
  private back = false;

  constructor(private readonly text: string) {}

  read(): Span[] {
    const { text } = this;
    let at = 0;
    while (at < text.length) {
      const plain = until(text, at);
      if (plain > at) {
        this.push({ text: text.slice(at, plain), at, length: plain - at, look: this.classes });
        at = plain;
      } else {
        at = this.special(at);
      }
    }
    return this.spans;
  }

  private push(span: Span): void {
    if (this.back) this.spans = [];
    this.back = false;
    this.spans.push(span);
  }

  /** Reads what is special at a place; where it ends. */
  private special(at: number): number {
    const { text } = this;
    const code = text.charCodeAt(at);
    switch (code) {
      case 0x0d:
        this.back = true;
        return at + 1;
      case 0x1b:
        return this.escape(at, text.charCodeAt(at + 1), at + 2);
      // The same in one unit.
      case 0x90:
      case 0x98:
      case 0x9b:
      case 0x9d:
      case 0x9e:
      case 0x9f:
        return this.escape(at, code - 0x40, at + 1);
      default:
        this.push({ text: symbol(code), at, length: 1, look: '', mark: nameOf(code) });
        return at + 1;
    }
  }

  private escape(at: number, kind: number, from: number): number {
    const { text } = this;
    if (kind === 0x5b) return this.sequence(from);
    // Titles, links, pictures, programs: everything up to its end.
    if (kind === 0x5d || kind === 0x50 || kind === 0x58 || kind === 0x5e || kind === 0x5f) {
      let end = from;
      while (end < text.length && text[end] !== '\u0007' && text[end] !== '\u009c' && text[end] !== '\u001b') end += 1;
      const closed =
        text[end] === '\u001b' && text[end + 1] === '\\' ? end + 2 : text[end] === '\u001b' ? end : end + 1;
      const past = Math.min(closed, text.length);
      this.push({
        text: '⟨ESC⟩',
        at,
        length: past - at,
        look: '',
        mark: 'something for a terminal, which is not done here',
      });
      return past;
    }
    let end = from - 1;
    while (end < text.length && between(text.charCodeAt(end), 0x20, 0x2f)) end += 1;
    return Math.min(between(text.charCodeAt(end), 0x30, 0x7e) ? end + 1 : Math.max(end, at + 1), text.length);
  }

  /** A control sequence from behind its introducer; where it ends. */
  private sequence(from: number): number {
    const { text } = this;
    let end = from;
    while (end < text.length && between(text.charCodeAt(end), 0x30, 0x3f)) end += 1;
    const parameters = text.slice(from, end);
    const bare = end;
    while (end < text.length && between(text.charCodeAt(end), 0x20, 0x2f)) end += 1;
    if (text[end] === 'm' && end === bare && !/[<=>?]/.test(parameters)) {
      this.look = looked(this.look, parameters);
      this.classes = classesOf(this.look);
    }
    return between(text.charCodeAt(end), 0x40, 0x7e) ? end + 1 : end;
  }
}

/** Where the next thing is that is special. */
function until(text: string, from: number): number {
  let at = from;
  while (at < text.length && !SPECIAL.test(text.charAt(at))) at += 1;
  return at;
}

function between(code: number, first: number, last: number): boolean {
  return code >= first && code <= last;
}

function symbol(code: number): string {
  // As terminals write them; few fonts have the pictures of Unicode.
  if (code < 0x20 || code === 0x7f) return `^${String.fromCharCode(code ^ 0x40)}`;
  return `⟨${hex(code)}⟩`;
}

function nameOf(code: number): string {
  if (
    between(code, 0x202a, 0x202e) ||
    between(code, 0x2066, 0x2069) ||
    code === 0x61c ||
    between(code, 0x200e, 0x200f)
  ) {
    return `${hex(code)}, which turns the direction of text`;
  }
  return `${hex(code)}, which is not seen`;
}

function hex(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

function looked(before: Look, parameters: string): Look {
  const codes = parameters.split(';');
  let look = before;
  for (let at = 0; at < codes.length; at += 1) {
    const parts = (codes[at] ?? '').split(':').map(Number);
    const code = parts[0] ?? 0;
    if (code === 38 || code === 48) {
      const whole = parts.length > 1;
      // With colons it is one parameter, in which a colour space may stand before the three parts.
      const colour = whole ? parts.slice(1) : codes.slice(at + 1, at + 5).map(Number);
      const parted = whole && colour[0] === 2 && colour.length > 4 ? [2, ...colour.slice(2)] : colour;
      if (!whole) at += parted[0] === 5 ? 2 : parted[0] === 2 ? 4 : 0;
      look = { ...look, [code === 38 ? 'ink' : 'ground']: hueOf(parted) };
    } else {
      look = simple(look, code);
    }
  }
  return look;
}

function simple(look: Look, code: number): Look {
  switch (code) {
    case 0:
      return PLAIN;
    case 1:
      return { ...look, bold: true };
    case 2:
      return { ...look, dim: true };
    case 3:
      return { ...look, italic: true };
    case 4:
      return { ...look, underline: true };
    case 7:
      return { ...look, inverse: true };
    case 9:
      return { ...look, strike: true };
    case 22:
      return { ...look, bold: false, dim: false };
    case 23:
      return { ...look, italic: false };
    case 24:
      return { ...look, underline: false };
    case 27:
      return { ...look, inverse: false };
    case 29:
      return { ...look, strike: false };
    case 39:
      return { ...look, ink: undefined };
    case 49:
      return { ...look, ground: undefined };
    default:
      if (between(code, 30, 37)) return { ...look, ink: code - 30 };
      if (between(code, 40, 47)) return { ...look, ground: code - 40 };
      if (between(code, 90, 97)) return { ...look, ink: code - 90 };
      if (between(code, 100, 107)) return { ...look, ground: code - 100 };
      return look;
  }
}

/** Which of the eight colours `5;n` or `2;r;g;b` comes nearest to; none for what is no colour. */
function hueOf([kind, ...parts]: number[]): number | undefined {
  const [one = NaN, two = NaN, three = NaN] = parts;
  if (kind === 2) return ofLight(one, two, three);
  if (kind !== 5 || !between(one, 0, 255)) return undefined;
  if (one < 16) return one % 8;
  if (one > 231) return 7;
  const cube = one - 16;
  return ofLight(Math.floor(cube / 36) * 51, (Math.floor(cube / 6) % 6) * 51, (cube % 6) * 51);
}

function ofLight(red: number, green: number, blue: number): number | undefined {
  if (![red, green, blue].every((part) => between(part, 0, 255))) return undefined;
  const [most, least] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  if (most - least < 40) return 7;
  const half = (most + least) / 2;
  return (red > half ? 1 : 0) + (green > half ? 2 : 0) + (blue > half ? 4 : 0);
}

function classesOf(look: Look): string {
  const [ink, ground] = look.inverse ? [look.ground, look.ink ?? 7] : [look.ink, look.ground];
  return [
    look.bold && 'sgr-bold',
    look.dim && 'sgr-dim',
    look.italic && 'sgr-italic',
    look.underline && 'sgr-underline',
    look.strike && 'sgr-strike',
    ink !== undefined && `sgr-ink-${String(ink)}`,
    ground !== undefined && `sgr-ground-${String(ground)}`,
  ]
    .filter((it) => it !== false)
    .join(' ');
}

/** Spans in which what lies at `places` (pairs of from and to, as in the line that was written) is apart, with `found` set. */
export function marked(spans: readonly Span[], places: readonly (readonly number[])[]): (Span & { found?: boolean })[] {
  if (places.length === 0) return [...spans];
  return spans.flatMap((span) => {
    const end = span.at + span.length;
    const inside = places.filter(([from = 0, to = 0]) => from < end && to > span.at);
    if (inside.length === 0) return [span];
    if (span.mark !== undefined) return [{ ...span, found: true }];
    const parts: (Span & { found?: boolean })[] = [];
    const cut = (from: number, to: number, found: boolean) => {
      if (to <= from) return;
      const text = span.text.slice(from - span.at, to - span.at);
      parts.push({ text, at: from, length: to - from, look: span.look, ...(found ? { found } : {}) });
    };
    let done = span.at;
    for (const [from = 0, to = 0] of inside) {
      cut(done, Math.max(done, from), false);
      cut(Math.max(done, from), Math.min(end, to), true);
      done = Math.max(done, Math.min(end, to));
    }
    cut(done, end, false);
    return parts;
  });
}
