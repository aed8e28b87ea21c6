import { explainCommand } from '../api/may';
import { asProblem, type ApiProblem } from '../api/problem';
import { Button } from './Button';
import { Command } from './Copy';
import { Notice } from './Notice';

/** Why what was asked for did not come, in the api's own words, and what to do. */
export function Problem({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const problem = asProblem(error);
  const next = nextOf(problem);
  return (
    <div role="alert">
      <Notice tone={problem.status === 403 || problem.status === 404 ? 'warn' : 'bad'} title={problem.title}>
        <p>{problem.detail}</p>
        {problem.errors.length > 0 && (
          <ul className="stack">
            {problem.errors.map((error) => (
              <li key={`${error.path} ${error.message}`}>
                {error.line != null && <span className="number">line {error.line}: </span>}
                {error.message}
              </li>
            ))}
          </ul>
        )}
        {next !== undefined && (
          <p className="row">
            {next.words} <Command>{next.command}</Command>
          </p>
        )}
        <p className="row">
          {retry !== undefined && (
            <Button small onClick={retry}>
              Try again
            </Button>
          )}
          {problem.requestId !== undefined && (
            <span className="quiet">
              Request <code>{problem.requestId}</code>
            </span>
          )}
        </p>
      </Notice>
    </div>
  );
}

/** The exact next command: who may, what there is instead, or what is wrong with the instance. */
function nextOf(problem: ApiProblem): { words: string; command: string } | undefined {
  const { action, object } = problem.more;
  if (problem.status === 403 && typeof action === 'string') {
    const of = typeof object === 'string' && object.includes('/') ? object : undefined;
    return { words: 'Why, and who may:', command: explainCommand(action, of) };
  }
  if (problem.status === 404) {
    const [, command] = LISTS.find(([nouns]) => nouns.test(problem.detail)) ?? [];
    return command === undefined ? undefined : { words: 'Those that there are:', command };
  }
  if (problem.status >= 500 || problem.code === 'unreachable') {
    return { words: 'What is wrong with the instance:', command: 'slipway doctor' };
  }
  return undefined;
}

/** What lists the things of a kind, by what the api calls one that is not there. */
const LISTS: readonly (readonly [RegExp, string])[] = [
  [/^there is no (workflow run|run) /, 'slipway workflow list'],
  [/^there is no (application|generation) /, 'slipway list'],
  [/^there is no (resource|output) /, 'slipway resource list'],
  [/^there is no golden path /, 'slipway golden-path list'],
  [/^there is no (provider|version|source) /, 'slipway provider list'],
  [/^there is no queue /, 'slipway queue list'],
  [/^there is no worker /, 'slipway worker list'],
  [/^there is no batch /, 'slipway batch list'],
  [/^there is no bulk operation /, 'slipway workflow bulk list'],
  [/^there is no team /, 'slipway team list'],
  [/^there is no key /, 'slipway key list'],
  [/^there is no webhook /, 'slipway webhook list'],
];
