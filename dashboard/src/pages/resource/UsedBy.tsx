import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { moreUsers, type ResourceDetail } from '../../api/resources';
import { Button } from '../../design/Button';
import { Problem } from '../../design/Problem';
import { useLive } from '../../live/live';

/** The applications that use it; those that do not come with it are asked for by a button. */
export function UsedBy({ resource }: { resource: ResourceDetail }) {
  const from = resource.used_by_cursor ?? undefined;
  const [asked, setAsked] = useState(false);
  const rest = useInfiniteQuery({
    ...moreUsers(resource.id, from ?? ''),
    ...useLive(10),
    enabled: asked && from !== undefined,
  });
  const more = from !== undefined && (rest.data === undefined || rest.hasNextPage);
  return (
    <>
      <ul>
        {[...resource.used_by, ...(rest.data ?? [])].map(({ application, name }) => (
          <li key={`${application} ${name}`}>
            <Link to="/applications/$name" params={{ name: application }}>
              {application}
            </Link>{' '}
            <span className="quiet">as {name}</span>
          </li>
        ))}
      </ul>
      {rest.isError && <Problem error={rest.error} retry={() => void rest.refetch()} />}
      {more && (
        <Button small busy={rest.isFetching} onClick={() => (asked ? void rest.fetchNextPage() : setAsked(true))}>
          Load more users
        </Button>
      )}
    </>
  );
}
