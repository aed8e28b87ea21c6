import { answered, api, type Schema } from './client';
import { paged } from './paged';

export type Rule = Schema<'RuleView'>;
export type Message = Schema<'MessageView'>;

/** Whose rules: one's own, or those of teams. */
export type Whose = 'mine' | 'rules';

/** Rules, newest first. */
export const ruleList = (whose: Whose) =>
  paged<Rule>(['notifications', whose], (at, signal) => {
    const asked = { params: { query: at }, signal };
    return answered(
      whose === 'mine' ? api.GET('/api/notifications/mine', asked) : api.GET('/api/notifications/rules', asked),
    );
  });

/** What was sent by a rule, newest first. */
export const messages = (whose: Whose, id: string) =>
  paged<Message>(['notifications', 'messages', id], (at, signal) => {
    const asked = { params: { path: { id }, query: at }, signal };
    return answered(
      whose === 'mine'
        ? api.GET('/api/notifications/mine/{id}/deliveries', asked)
        : api.GET('/api/notifications/rules/{id}/deliveries', asked),
    );
  });

export function makeRule(whose: Whose, body: Schema<'RuleRequest'>): Promise<Rule> {
  return answered(
    whose === 'mine' ? api.POST('/api/notifications/mine', { body }) : api.POST('/api/notifications/rules', { body }),
  );
}

export function changeRule(whose: Whose, id: string, body: Schema<'RuleChange'>): Promise<Rule> {
  const asked = { params: { path: { id } }, body };
  return answered(
    whose === 'mine'
      ? api.PATCH('/api/notifications/mine/{id}', asked)
      : api.PATCH('/api/notifications/rules/{id}', asked),
  );
}

export function removeRule(whose: Whose, id: string) {
  const asked = { params: { path: { id } } };
  return answered(
    whose === 'mine'
      ? api.DELETE('/api/notifications/mine/{id}', asked)
      : api.DELETE('/api/notifications/rules/{id}', asked),
  );
}

export function testRule(whose: Whose, id: string) {
  const asked = { params: { path: { id } } };
  return answered(
    whose === 'mine'
      ? api.POST('/api/notifications/mine/{id}/test', asked)
      : api.POST('/api/notifications/rules/{id}/test', asked),
  );
}
