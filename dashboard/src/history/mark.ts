import type { Schema } from '../api/client';
import type { Said } from '../design/Ask';

/** What stands for everybody where a team is asked for. */
const EVERYONE = '';

/** Whose a mark may be: a team's of which one is; of admins, everybody's too. */
export function holders({
  roles,
  teams,
}: Pick<Schema<'Whoami'>, 'roles' | 'teams'>): (readonly [value: string, word: string])[] {
  const own = teams.map((team) => [team, team] as const);
  return roles.includes('admin') ? [[EVERYONE, 'everyone'], ...own] : own;
}

/** The mark that was said; what was left out is not sent. */
export function markOf(said: Said): Schema<'MarkRequest'> {
  const given = (name: string) => said(name).trim() || null;
  return {
    kind: said('kind'),
    title: said('title'),
    link: given('link'),
    at: given('since'),
    until: given('until'),
    team: given('team'),
  };
}
