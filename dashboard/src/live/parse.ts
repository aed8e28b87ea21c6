/** An event of a stream: what it is called (`message` without a name), what it says, and its place. */
export interface Told {
  name: string;
  data: string;
  id: string;
}

/** Reads server-sent events that come in parts, as the HTML standard has them. */
export class EventReader {
  private rest = '';
  private name = '';
  private data: string[] = [];
  /** The newest id, of a comment too: who comes back goes on from there. */
  id = '';

  /** The events that this part completes. */
  read(part: string): Told[] {
    const lines = (this.rest + part).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.line(line));
  }

  private line(line: string): Told[] {
    if (line === '') {
      const { name, data, id } = this;
      [this.name, this.data] = ['', []];
      return data.length === 0 ? [] : [{ name: name === '' ? 'message' : name, data: data.join('\n'), id }];
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.name = value;
    if (field === 'data') this.data.push(value);
    if (field === 'id' && !value.includes('\0')) this.id = value;
    return [];
  }
}
