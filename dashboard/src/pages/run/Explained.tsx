import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { explanation, type Explanation } from '../../api/runs';
import { figure, lengthOf } from '../../design/words';
import { useLive } from '../../live/live';

/** The furthest place in a line that is counted to. */
const FURTHEST = 10_000;

/** What blocks a run that waits, what would end that, and when that may be. The run says in a word why it waits; without an
 * explanation of it that is all. */
export function Explained({ run, said }: { run: string; said: string }) {
  const { data } = useQuery({ ...explanation(run), ...useLive(10, 'time') });
  return data === undefined ? null : <Explaining it={data} said={said} />;
}

export function Explaining({ it, said }: { it: Explanation; said: string }) {
  if (it.code == null) return null;
  return (
    <>
      {it.what !== said && <p>{it.what}</p>}
      {it.blocked_by.length > 0 && (
        <p className="row">
          Blocked by
          {it.blocked_by.map((blocker) => (
            <Blocker key={`${blocker.kind} ${blocker.name}`} blocker={blocker} />
          ))}
        </p>
      )}
      {it.unblocked_by != null && <p className="quiet">What ends it: {it.unblocked_by}.</p>}
      {it.position != null && (
        <p className="quiet number">
          It is number {it.position > FURTHEST ? `${figure(FURTHEST)} or further back` : figure(it.position)} in line.
        </p>
      )}
      {it.estimate != null && (
        <p className="quiet number">
          It may take {lengthOf(it.estimate.seconds)}: {it.estimate.basis}.
        </p>
      )}
    </>
  );
}

function Blocker({ blocker: { kind, id, name } }: { blocker: Explanation['blocked_by'][number] }) {
  const what = `${kind} ${name}`;
  if (id == null) return <span>{name}</span>;
  if (kind === 'run') {
    return (
      <Link to="/runs/$id" params={{ id }}>
        {what}
      </Link>
    );
  }
  if (kind === 'resource') {
    return (
      <Link to="/resources/$id" params={{ id }}>
        {what}
      </Link>
    );
  }
  if (kind === 'queue') {
    return (
      <Link to="/queues/$name" params={{ name: id }}>
        {what}
      </Link>
    );
  }
  return <span>{what}</span>;
}
