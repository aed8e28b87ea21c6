/**
 * Scrolling by rows. However many rows a list has and however tall each is when lines are broken, what is drawn depends on one
 * number: how far the bar is. That far into the list is the pivot, and that far down the window is where the pivot is drawn; so
 * at the top the first row is at the top, at the end the last is at the bottom, and nothing has to be measured but what is
 * seen. With rows of one height it is the same as scrolling a list that is really there.
 */
export interface Frame {
  /** The first row to be drawn, and the one past the last. */
  first: number;
  past: number;
  /** The row that is placed, which part of it is past, and how far down the window that is. */
  pivot: number;
  share: number;
  at: number;
}

/** Browsers draw nothing that is taller: Firefox's limit is 17.8 million. */
const TALLEST = 16_000_000;
/** Rows drawn beyond the window on either side. */
const BEYOND = 6;

/** How tall what is scrolled must be. */
export function heightOf(rows: number, rowHeight: number): number {
  return Math.min(TALLEST, rows * rowHeight);
}

/** What to draw when the bar is `top` px down. */
export function frameOf(top: number, view: number, rows: number, rowHeight: number): Frame {
  if (rows === 0 || view === 0) return { first: 0, past: 0, pivot: 0, share: 0, at: 0 };
  const room = heightOf(rows, rowHeight) - view;
  // All of it is seen: the beginning is at the top.
  const far = room <= 0 ? 0 : Math.min(1, Math.max(0, top / room));
  const place = far * rows;
  const pivot = Math.min(rows - 1, Math.floor(place));
  const at = far * view;
  const above = Math.ceil(at / rowHeight) + BEYOND;
  const below = Math.ceil((view - at) / rowHeight) + BEYOND;
  return {
    first: Math.max(0, pivot - above),
    past: Math.min(rows, pivot + below + 1),
    pivot,
    share: place - pivot,
    at,
  };
}

/** Where the bar has to be for a row to be seen: as near to where it is as can be, or in the middle. */
export function topFor(
  row: number,
  where: 'near' | 'middle',
  top: number,
  view: number,
  rows: number,
  rowHeight: number,
): number {
  const room = heightOf(rows, rowHeight) - view;
  if (room <= 0) return 0;
  const span = rows * rowHeight - view;
  // As if every row were of one height; what that is off by is less than a window.
  const now = (top / room) * span;
  const edge = row * rowHeight;
  const wanted =
    where === 'middle'
      ? edge - (view - rowHeight) / 2
      : edge < now + rowHeight
        ? edge - rowHeight
        : edge + rowHeight > now + view - rowHeight
          ? edge + 2 * rowHeight - view
          : now;
  return Math.min(1, Math.max(0, wanted / span)) * room;
}
