import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';

import type { Entry } from '../../api/audit';
import { Button } from '../../design/Button';
import { Facts, Json } from '../../design/Facts';
import { ExactTime } from '../../design/Time';

/** All about one entry, below the list. */
export function Opened({ entry: it, onClose }: { entry: Entry; onClose: () => void }) {
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    box.current?.scrollIntoView({ block: 'nearest' });
  }, []);
  return (
    <section ref={box} className="opened" aria-label={`${it.action} ${it.object}`}>
      <header className="section-head">
        <h2>{it.action}</h2>
        <Button small kind="quiet" onClick={onClose}>
          Close
        </Button>
      </header>
      <div className="section-body">
        <div className="grid">
          <Facts
            facts={[
              ['When', <ExactTime key="" at={it.at} />],
              ['Who', `${it.actor} (${it.actor_kind.replaceAll('_', ' ')})`],
              ['To what', <ObjectLink key="" object={it.object} />],
              ['Team', it.team],
              ['Outcome', it.outcome],
            ]}
          />
          <Facts
            facts={[
              ['Shown', it.credential],
              ['Address', it.address],
              ['With', it.agent],
              ['Request', <code key="">{it.request_id}</code>],
              ['Hash', it.hash == null ? 'not chained yet' : <code key="">{it.hash}</code>],
              ['Of the one before', it.previous == null ? undefined : <code key="">{it.previous}</code>],
            ]}
          />
        </div>
        {it.before != null && (
          <>
            <h3>Before</h3>
            <Json value={it.before} label="How it was" />
          </>
        )}
        {it.after != null && (
          <>
            <h3>{it.outcome === 'refused' ? 'Why it was refused' : 'After'}</h3>
            <Json value={it.after} label="How it was then" />
          </>
        )}
      </div>
    </section>
  );
}

/** What was acted on, led to where it has a page. */
function ObjectLink({ object }: { object: string }) {
  const [kind, name = ''] = object.split('/');
  if (name === '' || name === '*') return object;
  switch (kind) {
    case 'run':
      return (
        <Link to="/runs/$id" params={{ id: name }}>
          {object}
        </Link>
      );
    case 'resource':
      return (
        <Link to="/resources/$id" params={{ id: name }}>
          {object}
        </Link>
      );
    case 'application':
      return (
        <Link to="/applications/$name" params={{ name }}>
          {object}
        </Link>
      );
    case 'queue':
      return (
        <Link to="/queues/$name" params={{ name }}>
          {object}
        </Link>
      );
    default:
      return object;
  }
}
