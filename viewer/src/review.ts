/** A reader's read as it is on the server, and the steps that change it. */

import * as api from "./api";
import type { Exam, Finding, Mark, Read, Task } from "./types";

export class Review {
  read: Read;
  onChange: () => void = () => {};
  onProblem: (message: string) => void = () => {};
  /** Images have come to the study: it has to be shown anew. */
  onStale: (message: string) => void = () => {};
  private busy: Promise<void> = Promise.resolve();
  private readonly since = performance.now();
  private hidden = 0;
  private left = 0;

  constructor(readonly task: Task) {
    this.read = task.read;
    document.addEventListener("visibilitychange", this.watch);
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.watch);
  }

  private readonly watch = () => {
    if (document.hidden) this.left = performance.now();
    else this.hidden += performance.now() - this.left;
  };

  /** Seconds that the page was in sight, added to those of earlier sittings. */
  get seconds(): number {
    return Math.round((performance.now() - this.since - this.hidden) / 100) / 10 + this.task.read.seconds;
  }

  /** Whether images are on the screen that the read does not know of yet. */
  get isNew(): boolean {
    const { state, images } = this.read;
    return state === "new" || this.task.images.some((image) => !images?.includes(image.key));
  }

  get open(): boolean {
    return this.read.state !== "done";
  }

  /** Steps go one after the other, in the order they were taken. */
  step(kind: string, body: object = {}): Promise<void> {
    this.busy = this.busy.then(async () => {
      try {
        this.read = await api.step(this.task.key, kind, body);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (error instanceof api.Refused && error.reload) return this.onStale(message);
        this.onProblem(message);
      }
      this.onChange();
    });
    return this.busy;
  }

  /** A step that says which images the reader has had on the screen. */
  shown(kind: "open" | "save" | "sign", body: object = {}): Promise<void> {
    return this.step(kind, { ...body, images: this.task.images.map((image) => image.key) });
  }

  mark(mark: Mark): Promise<void> {
    const { after_model: _, ...body } = mark;
    return this.step("mark", body);
  }

  unmark(id: string): Promise<void> {
    return this.step("unmark", { id });
  }

  exam(change: Partial<Exam>): Promise<void> {
    return this.step("exam", { ...this.read.exam, ...change });
  }

  /** The reader's answer to a finding of the model. */
  answer(image: string, finding: Finding): Mark | undefined {
    return this.read.marks.find((m) => m.image === image && m.finding === finding.number);
  }

  /** An answer to a finding, as one would begin it. */
  answerTo(image: string, finding: Finding, origin: Mark["origin"]): Mark {
    const before = this.answer(image, finding);
    return {
      id: before?.id ?? `${image}-${finding.number}`,
      image,
      origin,
      box: origin === "corrected" ? (before?.box ?? finding.box_px) : finding.box_px,
      finding: finding.number,
      label: before?.label ?? null,
      birads: before?.birads ?? null,
      rating: before?.rating ?? null,
      text: before?.text ?? "",
      after_model: true,
      readers: [],
    };
  }

  /** Whether the own read may still be changed where a mark lies. */
  free(mark: Mark): boolean {
    return this.open && (!this.read.saved || mark.after_model);
  }
}
