/** The last characters of a text that may come without end. */
export class Tail {
  private text = '';

  constructor(private readonly charsMax: number) {}

  add(piece: string): void {
    this.text = (this.text + piece).slice(-this.charsMax);
  }

  toString(): string {
    return this.text;
  }
}
