/** Set of page numbers below a bound, a bit each: 320 KiB for the largest guest memory (10 GiB). */
export class PageSet {
  private bits: Uint8Array;

  constructor(private readonly pages: number) {
    this.bits = new Uint8Array(Math.ceil(pages / 8));
  }

  has(page: number): boolean {
    return (this.bits[page >>> 3]! & (1 << (page & 7))) !== 0;
  }

  /** True when it was not in it before. */
  add(page: number): boolean {
    if (page >= this.pages || this.has(page)) return false;
    this.bits[page >>> 3]! |= 1 << (page & 7);
    return true;
  }

  clear(): void {
    this.bits.fill(0);
  }
}

/** Which pages of a file were asked for, in order, each once: bounded by the file's size. */
export class AccessLog {
  private readonly seen: PageSet;
  private order = new Uint32Array(1024);
  private length = 0;

  constructor(pages: number) {
    this.seen = new PageSet(pages);
  }

  add(page: number): void {
    if (!this.seen.add(page)) return;
    if (this.length === this.order.length) {
      const longer = new Uint32Array(this.length * 2);
      longer.set(this.order);
      this.order = longer;
    }
    this.order[this.length] = page;
    this.length += 1;
  }

  pages(): Uint32Array {
    return this.order.slice(0, this.length);
  }
}
