import { expect, test } from 'vitest';

import { Folds, groupsOf, markerOf, type MarkedLine } from './folds';

const line = (row: number, text: string, step = 'a', seq = row + 1): MarkedLine => {
  const marker = markerOf(text);
  if (marker === undefined) throw new Error(text);
  return { row, step, attempt: 1, seq, marker };
};

test('only a line that begins so is a marker', () => {
  expect(markerOf('::group:: Install packages ')).toEqual({ begins: 'Install packages' });
  expect(markerOf('  ::endgroup::')).toEqual({ ends: true });
  expect(markerOf('echo "::group::x"')).toBeUndefined();
});

test('groups are what lies between their markers, in one another too', () => {
  const lines = [
    line(2, '::group::outer'),
    line(4, '::group::inner'),
    line(6, '::endgroup::'),
    line(9, '::endgroup::'),
  ];
  expect(groupsOf(lines)).toEqual([
    { name: 'outer', first: 2, last: 9 },
    { name: 'inner', first: 4, last: 6 },
  ]);
});

test('what is not ended, or was not begun, is no group', () => {
  expect(groupsOf([line(1, '::endgroup::'), line(3, '::group::x')])).toEqual([]);
});

test('two steps that print at once end their own groups; what others printed into is not folded away', () => {
  const lines = [
    line(0, '::group::a', 'a', 1),
    line(1, '::group::b', 'b', 1),
    line(3, '::endgroup::', 'b', 2),
    line(4, '::endgroup::', 'a', 3),
    line(5, '::group::alone', 'b', 3),
    line(7, '::endgroup::', 'b', 5),
  ];
  expect(groupsOf(lines).map(({ name }) => name)).toEqual(['alone']);
});

test('rows and places are each other’s reverse, whatever is folded', () => {
  const groups = [
    { name: 'outer', first: 2, last: 9 },
    { name: 'inner', first: 4, last: 6 },
    { name: 'next', first: 10, last: 12 },
    { name: 'far', first: 40, last: 70 },
  ];
  for (const folded of [
    [],
    groups,
    groups.slice(1, 2),
    groups.slice(2),
    [groups[3], groups[0]].flatMap((it) => it ?? []),
  ]) {
    const folds = new Folds(folded);
    const shown = Array.from({ length: 100 }, (_, row) => row).filter(
      (row) => !folded.some(({ first, last }) => row > first && row <= last),
    );
    expect(folds.shown(100)).toBe(shown.length);
    shown.forEach((row, place) => {
      expect([folds.row(place), folds.place(row), folds.hides(row)]).toEqual([row, place, false]);
    });
  }
  expect(new Folds(groups).place(5)).toBe(2);
  expect(new Folds(groups).hides(9)).toBe(true);
});
