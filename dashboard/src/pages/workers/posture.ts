import { isRecord } from '../../api/problem';

/** What a worker's engine gives less isolation by than it could, in words. */
export function weaknesses(posture: Record<string, unknown>): string[] {
  const { weaknesses: told } = posture;
  return Array.isArray(told) ? told.map(String) : [];
}

/** All that an engine says of its isolation, by name, in texts; what is nested has the names on the way to it. */
export function told(posture: Record<string, unknown>, before = ''): [name: string, value: string][] {
  return Object.entries(posture).flatMap(([name, value]): [string, string][] => {
    const path = before + name.replaceAll('_', ' ');
    if (name === 'weaknesses' || value === null || value === '') return [];
    if (isRecord(value)) return told(value, `${path}: `);
    if (Array.isArray(value)) return value.length === 0 ? [] : [[path, value.map(String).join(', ')]];
    if (typeof value === 'boolean') return [[path, value ? 'yes' : 'no']];
    return [[path, typeof value === 'string' ? value : JSON.stringify(value)]];
  });
}
