import { expect, test } from 'vitest';

import { marked, spansOf } from './ansi';

const shown = (line: string) =>
  spansOf(line)
    .map(({ text }) => text)
    .join('');
const looks = (line: string) => spansOf(line).map(({ text, look }) => [text, look]);

test('a plain line is one span', () => {
  expect(spansOf('hello\tthere')).toEqual([{ text: 'hello\tthere', at: 0, length: 11, look: '' }]);
  expect(spansOf('')).toEqual([]);
});

test('looks are followed, and end where they are ended', () => {
  expect(looks('\u001b[1;31mbad\u001b[22m red\u001b[0m plain')).toEqual([
    ['bad', 'sgr-bold sgr-ink-1'],
    [' red', 'sgr-ink-1'],
    [' plain', ''],
  ]);
  expect(looks('\u001b[7mturned\u001b[27m\u001b[93;44mboth')).toEqual([
    ['turned', 'sgr-ground-7'],
    ['both', 'sgr-ink-3 sgr-ground-4'],
  ]);
});

test('of all the colours there are, each becomes one that can be read', () => {
  for (const [code, look] of [
    ['38;5;196', 'sgr-ink-1'],
    ['38;5;244', 'sgr-ink-7'],
    ['38;2;10;200;30', 'sgr-ink-2'],
    ['38:2::10:20:250', 'sgr-ink-4'],
    ['48;5;201', 'sgr-ground-5'],
    ['38;5', ''],
    ['38;2;999;0;0', ''],
    ['38', ''],
    ['1234567890123', ''],
  ] as const) {
    expect(looks(`\u001b[${code}mx`), code).toEqual([['x', look]]);
  }
  expect(looks('\u001b[38;5;196;1mx')).toEqual([['x', 'sgr-bold sgr-ink-1']]);
});

test('whatever else steers a terminal does nothing here', () => {
  for (const line of [
    '\u001b[2Ja',
    '\u001b[10;3Ha',
    '\u001b[?25la',
    '\u001b(Ba',
    '\u001bca',
    '\u009b2Ka',
    '\u001b[>4;1ma',
  ]) {
    expect(shown(line), JSON.stringify(line)).toBe('a');
  }
});

test('a title or a link is a mark, and what it holds is not shown', () => {
  expect(shown('\u001b]0;owned\u0007a')).toBe('⟨ESC⟩a');
  expect(shown('\u001b]8;;https://evil.example\u001b\\click\u001b]8;;\u001b\\')).toBe('⟨ESC⟩click⟨ESC⟩');
  expect(shown('a\u001bPq#0;2;0;0;0')).toBe('a⟨ESC⟩');
  expect(shown('\u009d0;owned\u009ca')).toBe('⟨ESC⟩a');
});

test('what would fill a clipboard fills none, and is not shown', () => {
  for (const line of [
    '\u001b]52;c;cm0gLXJmIH4K\u0007a',
    '\u001b]52;c;cm0gLXJmIH4K\u001b\\a',
    '\u009d52;p;cm0gLXJmIH4K\u009ca',
    '\u001b]52;c;?\u0007a',
  ]) {
    expect(shown(line), JSON.stringify(line)).toBe('⟨ESC⟩a');
  }
});

test('what breaks off in the middle breaks nothing', () => {
  for (const end of ['\u001b', '\u001b[', '\u001b[1;3', '\u001b(', '\u009b']) expect(shown(`a${end}`)).toBe('a');
  expect(shown('\u001b[1;3\u001b[0mb')).toBe('b');
  expect(shown('\u001b[12ä')).toBe('ä');
});

test('of what was written over itself the last is shown, in its own looks', () => {
  expect(shown('10 %\r20 %\r30 %')).toBe('30 %');
  expect(shown('done\r')).toBe('done');
  expect(shown('done\r\u001b[0m\r')).toBe('done');
  expect(looks('\u001b[32m10 %\r20 %')).toEqual([['20 %', 'sgr-ink-2']]);
});

test('what is not seen, or turns text round, is seen', () => {
  expect(shown('admin\u202e txt.exe')).toBe('admin⟨U+202E⟩ txt.exe');
  expect(shown('a\u200bb\ufeffc')).toBe('a⟨U+200B⟩b⟨U+FEFF⟩c');
  expect(shown('bell\u0007, null\u0000, delete\u007f')).toBe('bell^G, null^@, delete^?');
  expect(spansOf('\u202e')[0]?.mark).toBe('U+202E, which turns the direction of text');
});

test('a line is read up to where it is shown', () => {
  expect(shown('x'.repeat(10)).length).toBe(10);
  expect(spansOf('x'.repeat(10), 4)[0]?.text).toBe('xxxx');
});

test('what was found is marked where it was written, whatever steers stands between', () => {
  const spans = spansOf('\u001b[31merror\u001b[0m: disk');
  // "error" and "disk" as the search tells them: by the line as it was written.
  const parts = marked(spans, [
    [5, 10],
    [16, 20],
  ]);
  expect(parts.map(({ text, found }) => [text, found])).toEqual([
    ['error', true],
    [': ', undefined],
    ['disk', true],
  ]);
  expect(marked(spansOf('abcdef'), [[1, 3]]).map(({ text }) => text)).toEqual(['a', 'bc', 'def']);
});

test('no text whatever makes it fail, and every letter keeps its place', () => {
  let seed = 7;
  const next = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  const parts = [
    '\u001b',
    '[',
    ']',
    '3',
    '8',
    ';',
    '5',
    'm',
    '\r',
    'a',
    'ä',
    '\u202e',
    '\u0007',
    '\\',
    '\u009b',
    ':',
    '😀',
  ];
  for (let round = 0; round < 3000; round += 1) {
    const line = Array.from({ length: next(24) }, () => parts[next(parts.length)]).join('');
    for (const span of spansOf(line)) {
      expect(span.at + span.length).toBeLessThanOrEqual(line.length);
      if (span.mark === undefined) expect(line.slice(span.at, span.at + span.length)).toBe(span.text);
      // eslint-disable-next-line no-control-regex
      expect(span.text).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u202e]/);
    }
  }
});
