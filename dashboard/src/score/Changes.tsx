import type { Change } from '../api/applications';
import { yamlOf } from './yaml';
import './changes.css';

/** Where two documents differ: each place, with what was there and what is there now. */
export function Changes({ changes, label }: { changes: readonly Change[]; label: string }) {
  return (
    <ul className="changes" aria-label={label}>
      {changes.map((change) => (
        <li key={change.path}>
          <code className="changes-place">{placeOf(change.path)}</code>
          <Side value={change.before} sign="−" word="before" />
          <Side value={change.after} sign="+" word="after" />
        </li>
      ))}
    </ul>
  );
}

/** A side without a value had, or has, nothing at the place. */
function Side({ value, sign, word }: { value: unknown; sign: '−' | '+'; word: string }) {
  if (value === undefined) return null;
  return (
    <pre className="changes-side" data-tone={sign === '+' ? 'ok' : 'bad'} tabIndex={0} role="group" aria-label={word}>
      {yamlOf(value)
        .trimEnd()
        .split('\n')
        .map((line, at) => (
          <span key={at} className="changes-line">
            <span aria-hidden="true">{sign} </span>
            {line}
            {'\n'}
          </span>
        ))}
    </pre>
  );
}

/** A JSON pointer as people write places: `resources.db.params.size`. */
export function placeOf(pointer: string): string {
  if (pointer === '') return 'the whole';
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');
}
