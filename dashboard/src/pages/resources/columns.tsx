import { Link } from '@tanstack/react-router';

import type { Resource } from '../../api/resources';
import { Status } from '../../design/Status';
import { rowLink, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { troubleOf } from './trouble';

/** How resources are listed, here and wherever else some are. */
export const RESOURCE_COLUMNS: readonly Column<Resource>[] = [
  { key: 'state', label: 'State', bare: true, cell: (it) => <Status status={it.state} /> },
  {
    key: 'name',
    label: 'Resource',
    main: true,
    cell: (it) => (
      <>
        <Link to="/resources/$id" params={{ id: it.id }} {...rowLink}>
          {it.name}
        </Link>
        {it.shared && <span className="quiet"> shared</span>}
        {it.protected && <span className="quiet"> protected</span>}
        <Trouble resource={it} />
      </>
    ),
  },
  {
    key: 'type',
    label: 'Type',
    cell: (it) => (
      <span className="whole">
        {it.type}
        {it.class != null && <span className="quiet"> {it.class}</span>}
      </span>
    ),
  },
  {
    key: 'application',
    label: 'Application',
    cell: (it) => (
      <Link to="/applications/$name" params={{ name: it.application }}>
        {it.application}
      </Link>
    ),
  },
  {
    key: 'provider',
    label: 'Provider',
    wide: true,
    cell: (it) =>
      it.provider == null ? (
        <span className="quiet">none yet</span>
      ) : (
        <span className="whole">
          {it.provider} <span className="quiet number">{it.provider_version}</span>
        </span>
      ),
  },
  { key: 'since', label: 'Changed', number: true, cell: (it) => <Time at={it.state_since} /> },
];

/** Why it is not as it should be: what one would open it for. */
function Trouble({ resource }: { resource: Resource }) {
  const trouble = troubleOf(resource);
  if (trouble === undefined) return null;
  return (
    <span className="why" data-tone={trouble.tone}>
      {trouble.text}
    </span>
  );
}
