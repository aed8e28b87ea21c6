import { useId, useRef, useState } from 'react';

import './editor.css';

/** Something that is wrong at a place of the text; lines and columns count from 1. */
export interface Mark {
  line: number;
  column: number;
  message: string;
}

/** A text with numbered lines, of which some are marked. Files can be dropped on it. */
export function Editor({
  label,
  text,
  marks,
  placeholder,
  onChange,
}: {
  label: string;
  text: string;
  marks: readonly Mark[];
  placeholder: string;
  onChange: (text: string) => void;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const numbers = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState(false);
  const [refused, setRefused] = useState<string>();
  const id = useId();
  const lines = text.split('\n').length;
  const marked = new Map<number, string[]>();
  for (const { line, message } of marks) marked.set(line, [...(marked.get(line) ?? []), message]);

  const take = async (file: File | undefined) => {
    setRefused(undefined);
    if (file === undefined) return;
    if (file.size > LARGEST) setRefused(`${file.name} is larger than 1 MiB: that is no Score file.`);
    else onChange(await file.text());
  };

  return (
    <div
      className="editor"
      data-over={over || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void take(event.dataTransfer.files[0]);
      }}
    >
      <div className="editor-box">
        <div ref={numbers} className="editor-numbers" aria-hidden="true">
          {Array.from({ length: lines }, (_, at) => (
            <div
              key={at}
              className="editor-number"
              data-marked={marked.has(at + 1) || undefined}
              title={marked.get(at + 1)?.join('\n')}
            >
              {at + 1}
            </div>
          ))}
        </div>
        <textarea
          ref={area}
          className="editor-text"
          aria-label={label}
          wrap="off"
          rows={24}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          autoFocus={text === ''}
          placeholder={placeholder}
          value={text}
          {...(marks.length > 0 ? { 'aria-invalid': true, 'aria-describedby': id } : {})}
          onChange={(event) => onChange(event.target.value)}
          onScroll={(event) => {
            if (numbers.current !== null) numbers.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      {marks.length > 0 && (
        <ul id={id} className="editor-marks">
          {marks.map((mark) => (
            <li key={`${String(mark.line)} ${mark.message}`}>
              <button type="button" onClick={() => area.current !== null && goTo(area.current, text, mark)}>
                <span className="number">
                  {mark.line}:{mark.column}
                </span>{' '}
                {mark.message}
              </button>
            </li>
          ))}
        </ul>
      )}
      <footer className="editor-foot row">
        <label className="editor-file">
          Open a file…
          <input
            type="file"
            className="unseen"
            accept=".yaml,.yml,.json,text/*"
            onChange={(event) => {
              void take(event.target.files?.[0]);
              // The same file may be chosen again, after it was changed.
              event.target.value = '';
            }}
          />
        </label>
        <span className="quiet">or drop one on the text</span>
        {refused !== undefined && (
          <span role="alert" className="editor-refused">
            {refused}
          </span>
        )}
      </footer>
    </div>
  );
}

/** What the api takes of a Score file, in bytes. */
const LARGEST = 1024 * 1024;

/** Puts the cursor where a mark is. */
function goTo(area: HTMLTextAreaElement, text: string, { line, column }: Mark): void {
  const before = text.split('\n').slice(0, line - 1);
  const at = before.reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
  area.focus();
  area.setSelectionRange(at, at);
  const height = Number.parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (line - 4) * height);
}
