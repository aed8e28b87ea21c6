import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { whoami } from '../../api/identity';
import { parseSearch, stringifySearch } from '../../api/search';
import type { RunFilter } from '../../api/runs';
import { forgetView, keepView, views, type View } from '../../api/views';
import { Ask } from '../../design/Ask';
import { Icon } from '../../design/Icon';
import { Menu, type MenuItem } from '../../design/Menu';

/** Filters under a name: gone to, kept, forgotten. */
export function Views({ filter, onOpen }: { filter: RunFilter; onOpen: (filter: RunFilter) => void }) {
  const [asking, setAsking] = useState(false);
  const { data = [] } = useQuery(views('runs'));
  const query = stringifySearch(filter).replace(/^\?/, '');
  const here = data.find((view) => sameQuery(view.query, query));
  const forget = useAction({
    act: (view: View) => forgetView(view.id),
    done: (_, { name }) => `“${name}” is forgotten`,
  });

  const label = here === undefined ? 'Views' : `View: ${here.name}`;

  const items: MenuItem[] = data.map((view) => ({
    label: view.name,
    hint: view.team == null ? 'yours' : `of the team ${view.team}`,
    onSelect: () => onOpen(parseSearch(view.query)),
  }));
  if (query !== '' && here === undefined) {
    items.push({ label: 'Keep this view…', hint: 'These filters, under a name', onSelect: () => setAsking(true) });
  }
  if (here !== undefined) {
    items.push({ label: `Forget “${here.name}”`, danger: true, onSelect: () => forget.mutate(here) });
  }
  if (items.length === 0) {
    items.push({ label: 'No view is kept yet', hint: 'Set a filter, and keep it here', onSelect: () => undefined });
  }
  return (
    <>
      <Menu label={label} items={items}>
        {label}
        <Icon name="down" />
      </Menu>
      {asking && <Keep query={query} onClose={() => setAsking(false)} />}
    </>
  );
}

/** Whether two addresses ask for the same, whatever the order. */
function sameQuery(one: string, other: string): boolean {
  const sorted = (query: string) => {
    const parameters = new URLSearchParams(query);
    parameters.sort();
    return parameters.toString();
  };
  return sorted(one) === sorted(other);
}

function Keep({ query, onClose }: { query: string; onClose: () => void }) {
  const { data: who } = useQuery(whoami);
  return (
    <Ask
      title="Keep this view"
      verb="Keep it"
      fields={[
        { name: 'name', label: 'What to call it', required: true, placeholder: 'failed today' },
        {
          name: 'team',
          label: 'For',
          options: [['', 'myself'], ...(who?.teams ?? []).map((team) => [team, `the team ${team}`] as const)],
        },
      ]}
      act={(said) => keepView({ page: 'runs', name: said('name').trim(), query, team: said('team') })}
      done={({ name }) => `“${name}” is kept`}
      onClose={onClose}
    >
      <p className="quiet">A view of the same name is replaced.</p>
    </Ask>
  );
}
