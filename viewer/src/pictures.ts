/**
 * Thumbnails of what is in sight, two at a time: a browser has six ways to one server, and an image
 * that is opened must not wait for those of a list that was left.
 */

import * as api from "./api";
import { h } from "./dom";

const AT_ONCE = 2;

export class Pictures {
  private readonly keys = new Map<Element, string>();
  private readonly ready = new Map<string, string>();
  private queue: HTMLImageElement[] = [];
  private running = 0;
  private stop = new AbortController();
  private readonly observer = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      this.queue = this.queue.filter((image) => image !== target);
      if (isIntersecting) this.queue.push(target as HTMLImageElement);
    }
    this.pump();
  });

  /** An element that fills itself when it comes into sight. */
  of(image: string): HTMLImageElement {
    const element = h("img", { alt: "", width: 40, height: 52 });
    const known = this.ready.get(image);
    if (known) element.src = known;
    else {
      this.keys.set(element, image);
      this.observer.observe(element);
    }
    return element;
  }

  /** What was asked for is no longer on the page. */
  forget(): void {
    this.stop.abort();
    this.stop = new AbortController();
    this.observer.disconnect();
    this.queue = [];
    this.keys.clear();
  }

  close(): void {
    this.forget();
    for (const url of this.ready.values()) URL.revokeObjectURL(url);
  }

  private pump(): void {
    while (this.running < AT_ONCE && this.queue.length) {
      const element = this.queue.shift()!;
      const image = this.keys.get(element);
      if (!image) continue;
      this.observer.unobserve(element);
      this.running++;
      void this.load(element, image, this.stop.signal);
    }
  }

  private async load(element: HTMLImageElement, image: string, signal: AbortSignal): Promise<void> {
    try {
      const answer = await fetch(api.thumbnail(image), { signal });
      if (answer.ok) {
        const url = URL.createObjectURL(await answer.blob());
        this.ready.set(image, url);
        element.src = url;
      } else element.style.visibility = "hidden";
    } catch {
      // Left, or the server has gone: the list says so where it matters.
    } finally {
      this.running--;
    }
    this.pump();
  }
}
