import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { paged, whole } from './paged';

export type Team = Schema<'TeamView'>;
export type TeamDetail = Schema<'TeamAnswer'>;
export type Quotas = Schema<'QuotasView'>;
export type Secret = Schema<'SecretView'>;

/** Teams that were ever named, by name: those whose things one may see. */
export const teamList = paged<Team>(['teams', 'list'], (query, signal) =>
  answered(api.GET('/api/teams', { params: { query }, signal })),
);

/** The same, all of them, to choose from. */
export const teams = queryOptions({
  queryKey: ['teams', 'all'],
  queryFn: ({ signal }) => whole((query) => answered(api.GET('/api/teams', { params: { query }, signal }))),
});

/** A team, and what it uses. */
export const team = (name: string) =>
  queryOptions({
    queryKey: ['teams', 'one', name],
    queryFn: ({ signal }) => answered(api.GET('/api/teams/{name}', { params: { path: { name } }, signal })),
  });

/** Sets all of them: what is not said is not bounded any more. */
export function setQuotas(name: string, body: Quotas) {
  return answered(api.PUT('/api/teams/{name}/quotas', { params: { path: { name } }, body }));
}

/** The secrets of a team, then those of its applications; without their values, which are shown to nobody. */
export const secrets = (name: string) =>
  paged(['teams', 'secrets', name], (query, signal) =>
    answered(api.GET('/api/teams/{team}/secrets', { params: { path: { team: name }, query }, signal })),
  );

/** Whose a secret is: a team's, or with an application that one's alone. */
export interface SecretPlace {
  team: string;
  application?: string | null;
  name: string;
}

export function setSecret({ team: of, application, name }: SecretPlace, body: Schema<'NewSecret'>) {
  return answered(
    application == null
      ? api.PUT('/api/teams/{team}/secrets/{name}', { params: { path: { team: of, name } }, body })
      : api.PUT('/api/specs/{app}/secrets/{name}', { params: { path: { app: application, name } }, body }),
  );
}

export function removeSecret({ team: of, application, name }: SecretPlace) {
  return answered(
    application == null
      ? api.DELETE('/api/teams/{team}/secrets/{name}', { params: { path: { team: of, name } } })
      : api.DELETE('/api/specs/{app}/secrets/{name}', { params: { path: { app: application, name } } }),
  );
}
