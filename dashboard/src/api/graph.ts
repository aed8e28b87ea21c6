import type { Schema } from './client';

/** A graph as the api tells it to programs; it draws it too, for those who ask for that. */
export type GraphView = Schema<'GraphView'>;

/** The answer, when it is the one for programs: nothing else was asked for. */
export async function graphOf(asked: Promise<GraphView | string>): Promise<GraphView> {
  const answer = await asked;
  if (typeof answer === 'string') throw new Error('a graph came as a picture');
  return answer;
}
