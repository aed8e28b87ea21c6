import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';

import { applicationNames } from '../api/applications';
import { newestBatches } from '../api/batches';
import { goldenPaths } from '../api/goldenPaths';
import { providers } from '../api/providers';
import { queueNames } from '../api/queues';
import { teams } from '../api/teams';
import { workers } from '../api/workers';
import { Dialog } from '../design/Dialog';
import { placesFor, type Place } from './places';

/** Goes to anything by a few letters of its name. */
export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog title="Go to" open={open} onClose={onClose}>
      <Search onClose={onClose} />
    </Dialog>
  );
}

function Search({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const id = useId();
  const navigate = useNavigate();
  const named = useNamed();
  const places = placesFor(text, named);
  const chosen = Math.min(at, places.length - 1);

  const go = (place: Place | undefined) => {
    if (place === undefined) return;
    onClose();
    void navigate(place.to);
  };

  return (
    <div className="palette">
      <input
        className="input"
        role="combobox"
        aria-label="Page, application, workflow or run id"
        placeholder="Page, application, workflow or run id"
        aria-expanded="true"
        aria-controls={id}
        aria-autocomplete="list"
        {...(places.length > 0 ? { 'aria-activedescendant': `${id}-${String(chosen)}` } : {})}
        autoFocus
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setAt((chosen + 1) % places.length);
          else if (event.key === 'ArrowUp') setAt((chosen - 1 + places.length) % places.length);
          else if (event.key === 'Enter') go(places[chosen]);
          else return;
          event.preventDefault();
        }}
      />
      <ul id={id} role="listbox" aria-label="Places" className="palette-list">
        {places.map((place, index) => (
          <li
            key={`${place.kind} ${place.label} ${String(index)}`}
            id={`${id}-${String(index)}`}
            role="option"
            aria-selected={index === chosen}
            className="palette-place"
            onClick={() => go(place)}
            onPointerMove={() => setAt(index)}
          >
            <span className="quiet">{place.kind}</span>
            <span>{place.label}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Names seldom change while one types. */
const AGE = { staleTime: 60_000 } as const;

/** All that the api lists by name. */
function useNamed(): Place[] {
  const { data: names = [] } = useQuery(applicationNames);
  const { data: paths = [] } = useQuery({ ...goldenPaths, ...AGE });
  const { data: provided = [] } = useQuery({ ...providers, ...AGE });
  const { data: lines = [] } = useQuery({ ...queueNames, ...AGE });
  const { data: serving = [] } = useQuery({ ...workers, ...AGE });
  const { data: groups = [] } = useQuery({ ...teams, ...AGE });
  const { data: many = [] } = useQuery({ ...newestBatches, ...AGE });
  return [
    ...names.map((name): Place => ({
      kind: 'Application',
      label: name,
      to: { to: '/applications/$name', params: { name } },
    })),
    ...paths.map(({ name, provider }): Place => ({
      kind: 'Golden path',
      label: name,
      to: { to: '/golden-paths/$name', params: { name }, search: { provider } },
    })),
    ...provided
      .filter((it) => it.default)
      .map(({ name }): Place => ({ kind: 'Provider', label: name, to: { to: '/providers/$name', params: { name } } })),
    ...lines.map((name): Place => ({ kind: 'Queue', label: name, to: { to: '/queues/$name', params: { name } } })),
    ...serving.map(({ id, name }): Place => ({
      kind: 'Worker',
      label: name,
      to: { to: '/workers', search: { worker: id } },
    })),
    ...groups.map(({ name }): Place => ({
      kind: 'Team',
      label: name,
      to: { to: '/settings', search: { tab: 'teams', opened: name } },
    })),
    ...many.map(({ id, name }): Place => ({ kind: 'Batch', label: name, to: { to: '/batches/$id', params: { id } } })),
  ];
}
