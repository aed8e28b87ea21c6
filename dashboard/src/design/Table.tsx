import type { ReactNode } from 'react';

import { Button } from './Button';
import { Skeleton } from './Empty';
import { Problem } from './Problem';
import { useLastError } from './useLastError';
import './table.css';

/** A column: `label` is also what a phone shows before the value, where rows become cards. */
export interface Column<Row> {
  key: string;
  label: string;
  cell: (row: Row) => ReactNode;
  /** Numbers: to the right, in figures of one width. */
  number?: boolean;
  /** The column that names the row: it holds the link, and heads the card on a phone. */
  main?: boolean;
  /** On a phone, left out. */
  wide?: boolean;
  /** On a phone, without its label: it says by itself what it is. */
  bare?: boolean;
}

/**
 * A table, which becomes cards where it is narrow. The link in its main column carries `data-row` (see `rowLink`): `j` and
 * `k` go from row to row by it.
 */
export function Table<Row>({
  caption,
  columns,
  rows,
  rowKey,
  tone,
}: {
  /** What the table is about, for those who do not see it. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Rows to be seen before others. */
  tone?: (row: Row) => 'bad' | 'warn' | undefined;
}) {
  // The roles are said because rows that are laid out as cards lose them in some browsers.
  return (
    <div className="table-box">
      <table role="table" className="table">
        <caption className="unseen">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th key={column.key} role="columnheader" scope="col" data-number={column.number} data-wide={column.wide}>
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={rowKey(row)} role="row" data-row-tone={tone?.(row)}>
              {columns.map((column) => (
                <td
                  key={column.key}
                  role="cell"
                  data-label={column.label}
                  data-number={column.number}
                  data-main={column.main}
                  data-wide={column.wide}
                  data-bare={column.bare}
                >
                  <div className="cell">{column.cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** For the link in a row's main column. */
export const rowLink = { 'data-row': '' } as const;

interface PagedQuery<Row> {
  data: Row[] | undefined;
  error: unknown;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
  refetch: () => unknown;
}

/** A list that goes on by cursor, with all that can be seen of it: loading, a problem, nothing, rows, and more of them. */
export function PagedTable<Row>({
  query,
  empty,
  what,
  ...table
}: Omit<Parameters<typeof Table<Row>>[0], 'rows'> & {
  query: PagedQuery<Row>;
  empty: ReactNode;
  /** What is listed, in the plural. */
  what: string;
}) {
  const error = useLastError(query);
  if (query.data === undefined) {
    if (error !== null) return <Problem error={error} retry={() => void query.refetch()} />;
    return <Skeleton what={what} lines={9} />;
  }
  if (query.data.length === 0) return empty;
  return (
    <>
      <Table {...table} rows={query.data} />
      <footer className="table-foot">
        {query.hasNextPage ? (
          <Button small busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Load more {what}
          </Button>
        ) : (
          <span className="quiet">
            That is all: <span className="number">{query.data.length}</span>
          </span>
        )}
      </footer>
    </>
  );
}
