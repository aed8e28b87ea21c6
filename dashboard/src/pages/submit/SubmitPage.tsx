import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { application as applicationQuery, generation as generationQuery } from '../../api/applications';
import { useMay } from '../../api/may';
import { asProblem } from '../../api/problem';
import { rehearsal, submit } from '../../api/submissions';
import { Button } from '../../design/Button';
import { TextField } from '../../design/Field';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { Problem } from '../../design/Problem';
import { Editor, type Mark } from '../../score/Editor';
import { yamlOf } from '../../score/yaml';
import { EXAMPLE } from './example';
import { Expected } from './Expected';
import { useSettled } from './useSettled';
import './submit.css';

const route = getRouteApi('/submit');

/** Where a Score file is written, dropped or changed; says all the time what submitting it would do. */
export function SubmitPage() {
  const { application, generation } = route.useSearch();
  if (application === undefined) return <Submit first="" known={undefined} />;
  return generation === undefined ? (
    <Latest name={application} />
  ) : (
    <Earlier name={application} number={Number(generation)} />
  );
}

function Latest({ name }: { name: string }) {
  const query = useQuery({ ...applicationQuery(name), refetchOnWindowFocus: false });
  const { data } = query;
  if (data === undefined) return <Asking name={name} query={query} />;
  return <Submit key={name} first={fileOf(data.spec)} known={{ name, team: data.team }} />;
}

function Earlier({ name, number }: { name: string; number: number }) {
  const query = useQuery(generationQuery(name, number));
  const { data } = query;
  if (data === undefined) return <Asking name={name} query={query} />;
  return <Submit key={`${name} ${String(number)}`} first={fileOf(data.spec)} known={{ name, team: '' }} />;
}

/** Until the file that is begun with is there. */
function Asking({ name, query }: { name: string; query: Parameters<typeof Loaded>[0]['query'] }) {
  return (
    <Page title={`Submit a change of ${name}`} above={<Link to="/applications">Applications</Link>}>
      <Loaded query={query} what="its Score file" lines={10}>
        {() => null}
      </Loaded>
    </Page>
  );
}

/** What is kept of a file is what it says, without the line that says what it is. */
function fileOf(spec: Record<string, unknown>): string {
  const { apiVersion = 'score.dev/v1b1', metadata, ...rest } = spec;
  return yamlOf({ apiVersion, metadata, ...rest });
}

function Submit({ first, known }: { first: string; known: { name: string; team: string } | undefined }) {
  const [score, setScore] = useState(first);
  const [team, setTeam] = useState(known?.team ?? '');
  const [ttl, setTtl] = useState('');
  const navigate = useNavigate();
  const may = useMay('application.submit', known === undefined ? undefined : `application/${known.name}`);
  const submission = { score, team: team.trim(), ttl: ttl.trim() };
  // Nobody is told of a mistake in the middle of a word.
  const settled = useSettled(submission, 500);
  const query = useQuery(rehearsal(settled));
  const problem = query.isError ? asProblem(query.error) : undefined;
  const marks: Mark[] = (problem?.errors ?? []).flatMap(({ line, column, message }) =>
    line == null ? [] : [{ line, column: column ?? 1, message }],
  );
  const send = useAction({
    act: () => submit(submission),
    done: ({ application, message }) => {
      void navigate({ to: '/applications/$name', params: { name: application.name } });
      return message;
    },
    quiet: true,
  });
  const empty = score.trim() === '';
  const impossible = problem !== undefined && !problem.passing;

  return (
    <Page
      title={known === undefined ? 'Submit a Score file' : `Submit a change of ${known.name}`}
      above={
        known === undefined ? (
          <Link to="/applications">Applications</Link>
        ) : (
          <>
            <Link to="/applications">Applications</Link>
            {' / '}
            <Link to="/applications/$name" params={{ name: known.name }}>
              {known.name}
            </Link>
          </>
        )
      }
    >
      <form
        className="submit"
        onSubmit={(event) => {
          event.preventDefault();
          send.mutate();
        }}
      >
        <Section
          title="Score file"
          flush
          aside={
            empty && (
              <Button small onClick={() => setScore(EXAMPLE)}>
                Begin with an example
              </Button>
            )
          }
        >
          <Editor
            label="Score file"
            text={score}
            marks={marks}
            placeholder="Paste a Score file, drop one here, or begin with the example"
            onChange={setScore}
          />
        </Section>
        <div className="stack">
          <Section title="What it would do">
            <Expected query={query} waiting={settled !== submission && score !== settled.score} empty={empty} />
          </Section>
          <Section title="Beside the file">
            <div className="submit-beside">
              <TextField
                label="Team"
                hint="It owns the application, when it is new"
                placeholder="default"
                value={team}
                onChange={(event) => setTeam(event.target.value)}
              />
              <TextField
                label="Time to live"
                hint="Then it is deleted by itself, as 8h"
                placeholder="without an end"
                value={ttl}
                onChange={(event) => setTtl(event.target.value)}
              />
            </div>
            {send.isError && <Problem error={send.error} />}
            <div className="row">
              <Button
                type="submit"
                kind="primary"
                {...may}
                disabled={empty || impossible || may.disabled === true}
                busy={send.isPending}
              >
                Submit
              </Button>
              <span className="quiet">Then you see it being made.</span>
            </div>
          </Section>
        </div>
      </form>
    </Page>
  );
}
