import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { useAction } from '../api/action';
import { whoami } from '../api/identity';
import { useMay } from '../api/may';
import { makeMark, removeMark, type Mark } from '../api/overview';
import { Ask } from '../design/Ask';
import { Button } from '../design/Button';
import { Loaded } from '../design/Loaded';
import { Status } from '../design/Status';
import { Time } from '../design/Time';
import { holders, markOf } from './mark';
import './history.css';

/** What people marked in the time that is shown: deployments, incidents, notes. */
export function Marks({ marks }: { marks: { data: Mark[] | undefined; error: unknown; refetch: () => unknown } }) {
  const [asking, setAsking] = useState(false);
  const may = useMay('mark.write');
  const { data: who } = useQuery(whoami);
  const whose = who === undefined ? [] : holders(who);
  const remove = useAction({ act: removeMark, done: () => 'The mark is gone' });
  return (
    <div className="marks">
      <Loaded query={marks} what="the marks" lines={1}>
        {(items) => (
          <ul aria-label="Marks">
            {items.map((mark) => (
              <li key={mark.id} className="row">
                <Status status={mark.kind} />
                {mark.link == null ? (
                  <span>{mark.title}</span>
                ) : (
                  <a href={mark.link} rel="noreferrer">
                    {mark.title}
                  </a>
                )}
                <span className="quiet">
                  <Time at={mark.at} />
                  {mark.until != null && (
                    <>
                      {' until '}
                      <Time at={mark.until} />
                    </>
                  )}
                  , by {mark.made_by}
                  {mark.team != null && `, for ${mark.team}`}
                </span>
                <Button
                  small
                  kind="quiet"
                  aria-label={`Remove the mark ${mark.title}`}
                  busy={remove.isPending && remove.variables === mark.id}
                  {...may}
                  onClick={() => remove.mutate(mark.id)}
                >
                  Remove
                </Button>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      <Button small {...may} onClick={() => setAsking(true)}>
        Mark a deployment or incident…
      </Button>
      {asking && (
        <Ask
          title="Mark what happened"
          verb="Mark it"
          fields={[
            {
              name: 'kind',
              label: 'What it was',
              value: 'deploy',
              options: [
                ['deploy', 'a deployment'],
                ['incident', 'an incident'],
                ['note', 'something else'],
              ],
            },
            // Who has no choice is not asked.
            ...(whose.length < 2
              ? []
              : [{ name: 'team', label: 'Who sees it', value: whose[0]?.[0] ?? '', options: whose }]),
            { name: 'title', label: 'In a few words', required: true, placeholder: 'shop 1.4' },
            { name: 'link', label: 'More about it, if there is', placeholder: 'https://…' },
            { name: 'since', label: 'When, if not now', placeholder: '2026-11-21T14:05:00Z' },
            { name: 'until', label: 'Until when, if it is over', placeholder: '2026-11-21T14:25:00Z' },
          ]}
          act={(said) => makeMark(markOf(said))}
          done={({ title }) => `${title} is marked`}
          onClose={() => setAsking(false)}
        />
      )}
    </div>
  );
}
