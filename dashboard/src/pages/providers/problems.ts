/** What is wrong with a provider's files, as the api tells it: a message, and where it is known, the place. */
export function problemLine(problem: Readonly<Record<string, unknown>>): {
  where: string | undefined;
  message: string;
} {
  const { file, path, line, column, message } = problem;
  const name = [file, path].find((part) => typeof part === 'string' && part !== '');
  const place = [name, line, column].filter((part) => typeof part === 'string' || typeof part === 'number');
  return {
    where: name === undefined ? undefined : place.join(':'),
    message: typeof message === 'string' ? message : JSON.stringify(problem),
  };
}
