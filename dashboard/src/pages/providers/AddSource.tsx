import { useState } from 'react';

import { useAction } from '../../api/action';
import { addSource } from '../../api/providers';
import { Button } from '../../design/Button';
import { TextField } from '../../design/Field';
import { Problem } from '../../design/Problem';

/** Asks for a repository to fetch providers from. */
export function AddSource({ onDone }: { onDone: () => void }) {
  const [url, setUrl] = useState('');
  const [ref, setRef] = useState('');
  const [path, setPath] = useState('');
  const [secret, setSecret] = useState('');
  const add = useAction({
    act: () =>
      addSource({
        url: url.trim(),
        ref: ref.trim(),
        ...(path.trim() === '' ? {} : { path: path.trim() }),
        ...(secret.trim() === '' ? {} : { secret: secret.trim() }),
      }),
    done: (source) => {
      onDone();
      return `${source.name} is being fetched; the list says what came of it`;
    },
    quiet: true,
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        add.mutate();
      }}
    >
      <TextField
        label="Repository"
        hint="https://, ssh:// or file://, without credentials in it"
        placeholder="https://git.example.com/platform/providers"
        type="text"
        inputMode="url"
        required
        autoFocus
        value={url}
        onChange={(event) => setUrl(event.target.value)}
      />
      <TextField
        label="Ref"
        hint="A tag, a branch or a whole commit"
        placeholder="v1.4.0"
        required
        value={ref}
        onChange={(event) => setRef(event.target.value)}
      />
      <TextField
        label="Folder, when it is not all of it"
        placeholder="providers"
        value={path}
        onChange={(event) => setPath(event.target.value)}
      />
      <TextField
        label="Credential, when it is not public"
        hint="Its name in git.credentials of the configuration"
        value={secret}
        onChange={(event) => setSecret(event.target.value)}
      />
      {add.isError && <Problem error={add.error} />}
      <div className="row dialog-end">
        <Button onClick={onDone}>Not now</Button>
        <Button type="submit" kind="primary" busy={add.isPending}>
          Add it
        </Button>
      </div>
    </form>
  );
}
