import { useEffect, useState } from 'react';

/** The value, once it has stayed the same for so many milliseconds. Values are the same when their JSON is. */
export function useSettled<T>(value: T, after: number): T {
  const text = JSON.stringify(value);
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), after);
    return () => clearTimeout(timer);
  }, [text, after]);
  return JSON.parse(settled) as T;
}
