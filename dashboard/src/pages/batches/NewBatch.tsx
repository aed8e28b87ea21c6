import { useNavigate } from '@tanstack/react-router';

import { makeBatch } from '../../api/batches';
import { ApiProblem } from '../../api/problem';
import { Ask } from '../../design/Ask';
import { count } from '../../design/words';
import { readParams } from './parts';

const OPERATIONS = [
  ['update', 'update: another version or other params'],
  ['reprovision', 'reprovision: make it again'],
  ['read', 'read: look for drift'],
  ['retry', 'retry: what failed'],
  ['delete', 'delete: take it down'],
] as const;

/** Says which resources, what, and how carefully; what it would do is looked at on its page, before it is approved. */
export function NewBatch({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const changes = (said: (name: string) => string) => ['update', 'reprovision'].includes(said('operation'));
  return (
    <Ask
      title="A new batch"
      verb="Make it, and look at it"
      fields={[
        {
          name: 'select',
          label: 'Which resources',
          required: true,
          placeholder: 'type=postgres,provider=database-team@1,env=prod',
          hint: 'type, class, provider, team, env, application, state, or any label',
        },
        { name: 'operation', label: 'What is to be done', value: 'update', options: OPERATIONS },
        { name: 'provider_version', label: 'To the version of their provider', placeholder: '2.0.0', when: changes },
        { name: 'params', label: 'With params', placeholder: 'size=large, tier=2', when: changes },
        {
          name: 'waves',
          label: 'Waves',
          placeholder: '1,10%,50%,100%',
          hint: 'How many have begun when each wave has',
        },
        { name: 'max_in_flight', label: 'At once', kind: 'number', placeholder: '10' },
        { name: 'bake', label: 'Each wave is watched for', placeholder: '10m' },
        { name: 'max_failures', label: 'It stops when more than these fail', placeholder: '2%' },
        { name: 'window', label: 'Only in these minutes, as cron in UTC', placeholder: '* 22-23,0-5 * * *' },
        { name: 'verify', label: 'Look for drift after each wave', kind: 'check' },
        { name: 'reason', label: 'Why, for whoever wonders' },
      ]}
      act={(said) => {
        const given = (name: string) => said(name).trim() || null;
        return makeBatch({
          select: said('select').trim(),
          operation: said('operation'),
          provider_version: changes(said) ? given('provider_version') : null,
          params: changes(said) ? paramsOf(said('params')) : {},
          waves: given('waves'),
          max_in_flight: given('max_in_flight') === null ? null : Number(said('max_in_flight')),
          bake: given('bake'),
          max_failures: given('max_failures'),
          window: given('window'),
          verify: said('verify') === 'true',
          reason: given('reason'),
        });
      }}
      done={({ id, total }) => {
        void navigate({ to: '/batches/$id', params: { id } });
        return `It is about ${count(total, 'resource')}; nothing begins before it is approved`;
      }}
      onClose={onClose}
    >
      <p className="quiet">Which resources these are is fixed now. Nothing begins before it is approved.</p>
    </Ask>
  );
}

function paramsOf(text: string): Record<string, unknown> {
  try {
    return readParams(text);
  } catch (error) {
    throw ApiProblem.mistake('params', error instanceof Error ? error.message : String(error));
  }
}
