/**
 * Asks the server to read images that are likely to be opened next, one after the other: what it has
 * in memory is shown at once.
 */

import * as api from "./api";

export class Warm {
  private stop = new AbortController();
  private timer = 0;

  /** Begin after a moment; whatever was going on before is left. */
  ask(images: string[], after = 150): void {
    this.close();
    if (!images.length) return;
    const { signal } = (this.stop = new AbortController());
    this.timer = setTimeout(() => void this.run(images, signal), after);
  }

  close(): void {
    clearTimeout(this.timer);
    this.stop.abort();
  }

  private async run(images: string[], signal: AbortSignal): Promise<void> {
    for (const image of images) {
      try {
        await api.outline(image, signal);
      } catch {
        // It will be told when the image is opened.
        return;
      }
    }
  }
}
