import { expect, test } from 'vitest';

import { isAsked } from './approvals';

const who = (role: string, ...teams: string[]) => ({ roles: [role], teams });

test('an admin is asked about everything', () => {
  expect(isAsked({ roles: ['lead'], teams: ['payments'] }, who('admin'))).toBe(true);
});

test('others are asked by role and team', () => {
  const named = { roles: ['lead'], teams: ['payments'] };
  expect(isAsked(named, who('lead', 'shop', 'payments'))).toBe(true);
  expect(isAsked(named, who('lead', 'shop'))).toBe(false);
  expect(isAsked(named, who('developer', 'payments'))).toBe(false);
});

test('where no role is named, approvers are asked', () => {
  expect(isAsked({ roles: [], teams: [] }, who('approver'))).toBe(true);
  expect(isAsked({ roles: [], teams: [] }, who('lead'))).toBe(false);
});
