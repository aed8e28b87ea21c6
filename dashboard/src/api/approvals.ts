import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { paged } from './paged';

export type Approval = Schema<'ApprovalView'>;

/** The newest questions that wait for a decision. */
export const openApprovals = (limit: number) =>
  queryOptions({
    queryKey: ['approvals', 'open', limit],
    queryFn: ({ signal }) => answered(api.GET('/api/approvals', { params: { query: { limit } }, signal })),
  });

/** What approvals can be listed by; the names are the api's, and those in the address. */
export const APPROVAL_FILTERS = ['status', 'application', 'team'] as const;

export type ApprovalFilter = Partial<Record<(typeof APPROVAL_FILTERS)[number], string>>;

/** Questions, those of the newest runs first: the open ones, unless others are asked for. */
export const approvalList = (filter: ApprovalFilter) =>
  paged<Approval>(['approvals', 'list', filter], (at, signal) =>
    answered(api.GET('/api/approvals', { params: { query: { ...filter, ...at } }, signal })),
  );

/**
 * Whether somebody of these roles and teams is asked, as the api decides it: admins always are; others by one of the roles,
 * that of an approver where none is named, and where teams are named by one of those.
 */
export function isAsked(
  { roles, teams }: Pick<Approval, 'roles' | 'teams'>,
  who: { roles: readonly string[]; teams: readonly string[] },
): boolean {
  if (who.roles.includes('admin')) return true;
  const wanted = roles.length === 0 ? ['approver'] : roles;
  return (
    who.roles.some((role) => wanted.includes(role)) &&
    (teams.length === 0 || who.teams.some((team) => teams.includes(team)))
  );
}
