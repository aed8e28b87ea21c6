import type { Parameter } from '../../api/goldenPaths';
import { Check, Select, TextArea, TextField } from '../../design/Field';

/** The control for a parameter, by its type and what it allows. */
export function ParameterField({
  parameter,
  value,
  mistake,
  onChange,
}: {
  parameter: Parameter;
  value: string;
  mistake: string | undefined;
  onChange: (text: string) => void;
}) {
  const { name, type, description, expected, required, min, max, sensitive, enum: choices } = parameter;
  const field = {
    label: required ? `${name} (required)` : name,
    hint: (
      <>
        {description}
        {/* The choices of a list are seen in it. */}
        {choices == null && <span className="cell-2">{expected}</span>}
      </>
    ),
    mistake,
    value,
    'aria-required': required,
  };
  if (choices != null && choices.length > 0) {
    const options = choices.map((choice) => [wordOf(choice), wordOf(choice)] as const);
    return (
      <Select
        {...field}
        options={value === '' ? [['', required ? 'choose one' : 'none'] as const, ...options] : options}
        onChange={(event) => onChange(event.target.value)}
      />
    );
  }
  switch (type) {
    case 'boolean':
      return (
        <Check
          label={
            <>
              <strong>{name}</strong>
              {description != null && <span className="cell-2">{description}</span>}
            </>
          }
          checked={value === 'true'}
          onChange={(event) => onChange(String(event.target.checked))}
        />
      );
    case 'number':
    case 'integer':
      return (
        <TextField
          {...field}
          type="number"
          step={type === 'integer' ? 1 : 'any'}
          {...(min == null ? {} : { min })}
          {...(max == null ? {} : { max })}
          onChange={(event) => onChange(event.target.value)}
        />
      );
    case 'list':
      return <TextArea {...field} placeholder="a line an item" onChange={(event) => onChange(event.target.value)} />;
    case 'map':
    case 'object':
      return (
        <TextArea {...field} rows={6} placeholder="name: value" onChange={(event) => onChange(event.target.value)} />
      );
    default:
      return value.includes('\n') ? (
        <TextArea {...field} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <TextField
          {...field}
          type={sensitive ? 'password' : 'text'}
          onChange={(event) => onChange(event.target.value)}
        />
      );
  }
}

function wordOf(choice: unknown): string {
  return typeof choice === 'string' ? choice : JSON.stringify(choice);
}
