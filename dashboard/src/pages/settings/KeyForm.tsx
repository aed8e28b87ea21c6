import { makeKey } from '../../api/keys';
import { Ask, listOf } from '../../design/Ask';
import { Once } from './Once';

/** Makes a key: one's own, or with `account` that service account's. */
export function KeyForm({ account = '', onClose }: { account?: string; onClose: () => void }) {
  const some = (text: string) => (text.trim() === '' ? null : listOf(text));
  return (
    <Ask
      title={account === '' ? 'Make a key of your own' : `Make a key for ${account}`}
      verb="Make it"
      fields={[
        { name: 'name', label: 'What to call it', required: true, placeholder: 'ci' },
        { name: 'expires_in', label: 'How long it lasts', placeholder: '90d' },
        { name: 'roles', label: 'Roles', hint: 'Without any: all that its owner has', placeholder: 'developer' },
        { name: 'teams', label: 'Teams', hint: 'Without any: all of its owner' },
        {
          name: 'scopes',
          label: 'Good for',
          hint: 'Without any: all that its roles allow',
          placeholder: 'run.read queue.*',
        },
      ]}
      act={(said) =>
        makeKey({
          account,
          name: said('name').trim(),
          roles: some(said('roles')),
          teams: some(said('teams')),
          scopes: some(said('scopes')),
          expires_in: said('expires_in').trim() || null,
        })
      }
      shown={({ key, message }) => <Once secret={key} what="the key" note={message} />}
      onClose={onClose}
    />
  );
}
