/** bpmn-js behind a small interface. A chunk of its own: only pages with a diagram load it. */
import "bpmn-js/dist/assets/diagram-js.css";
import "bpmn-js/dist/assets/bpmn-js.css";
import "./diagram.css";
import NavigatedViewer from "bpmn-js/lib/NavigatedViewer";
import type { Badge, Marks, Tone } from "./marks";
import type { Flow } from "./path";
import { diagramOf } from "./xml";

interface Element {
  id: string;
  type: string;
  width?: number;
  height?: number;
  businessObject: { sourceRef?: { id: string }; targetRef?: { id: string } };
}
interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}
interface Canvas {
  viewbox(): { inner: Box; outer: Pick<Box, "width" | "height"> };
  viewbox(box: Box): void;
  resized(): void;
  addMarker(id: string, marker: string): void;
  removeMarker(id: string, marker: string): void;
  getContainer(): HTMLElement;
}
interface Registry {
  get(id: string): Element | undefined;
  filter(wanted: (element: Element) => boolean): Element[];
}
interface Overlays {
  add(id: string, overlay: { position: Record<string, number>; html: HTMLElement }): string;
  remove(id: string): void;
}
interface Zoom {
  stepZoom(delta: number): void;
  toggle(enabled: boolean): void;
}

/** Where badges of a tone are, from the element's corner. */
const PLACES: Record<Tone, Record<string, number>> = {
  running: { bottom: 12, left: -10 },
  done: { bottom: 12, right: 16 },
  incident: { top: -12, right: 14 },
};
const LARGEST_ZOOM = 1;
const MARGIN = 26;

export class Diagram {
  readonly #viewer: NavigatedViewer;
  readonly #marks = new Map<string, string>();
  readonly #badges = new Map<string, { overlay: string; html: HTMLElement }>();
  readonly #resizes: ResizeObserver;
  #moved = false;
  #selected: string | undefined;

  constructor(container: HTMLElement, label: string, pick: (element: string | undefined) => void) {
    this.#viewer = new NavigatedViewer({ container });
    this.#resizes = new ResizeObserver(() => this.#resized());
    this.#resizes.observe(container);
    const svg = container.querySelector("svg[tabindex]") ?? container.querySelector("svg");
    svg?.setAttribute("aria-label", label);
    svg?.setAttribute("role", "group");
    this.#viewer.on("element.click", ({ element }: { element: Element }) => {
      pick(isNode(element) ? element.id.replace(/_label$/, "") : undefined);
    });
    this.#viewer.on("canvas.viewbox.changed", () => {
      this.#moved = true;
    });
    // A subprocess that is opened is a drawing of its own.
    this.#viewer.on("root.set", () => this.fit());
    // The wheel scrolls the page until the diagram is what the reader works with.
    this.#wheel(false);
    container.addEventListener("focusin", () => this.#wheel(true));
    container.addEventListener("focusout", () => this.#wheel(false));
  }

  /** Draws the process of that key. Throws when it has no diagram or cannot be read. */
  async show(xml: string, process: string): Promise<readonly Flow[]> {
    this.#marks.clear();
    this.#badges.clear();
    await this.#viewer.importXML(xml, diagramOf(xml, process));
    this.fit();
    return this.#registry
      .filter((element) => element.type === "bpmn:SequenceFlow")
      .map(({ id, businessObject }) => ({
        id,
        source: businessObject.sourceRef?.id ?? "",
        target: businessObject.targetRef?.id ?? "",
      }));
  }

  destroy(): void {
    this.#resizes.disconnect();
    this.#viewer.destroy();
  }

  /** The whole diagram in the middle, with a margin for badges, but not larger than it was drawn. */
  fit(): void {
    this.#canvas.resized();
    const { inner, outer } = this.#canvas.viewbox();
    if (outer.width === 0 || outer.height === 0) return;
    const scale = Math.min(
      LARGEST_ZOOM,
      outer.width / (inner.width + 2 * MARGIN),
      outer.height / (inner.height + 2 * MARGIN),
    );
    const width = outer.width / scale;
    const height = outer.height / scale;
    const x = inner.x + (inner.width - width) / 2;
    const y = inner.y + (inner.height - height) / 2;
    this.#canvas.viewbox({ x, y, width, height });
    this.#moved = false;
  }

  zoom(direction: 1 | -1): void {
    this.#viewer.get<Zoom>("zoomScroll").stepZoom(direction);
  }

  /** Sets the classes of elements; what has not changed is not touched. */
  mark(wanted: Marks): void {
    for (const [id, name] of this.#marks) {
      if (wanted.get(id) !== name) {
        this.#canvas.removeMarker(id, `is-${name}`);
        this.#marks.delete(id);
      }
    }
    for (const [id, name] of wanted) {
      if (this.#marks.get(id) !== name && this.#registry.get(id)) {
        this.#canvas.addMarker(id, `is-${name}`);
        this.#marks.set(id, name);
      }
    }
  }

  select(id: string | undefined): void {
    if (this.#selected && this.#registry.get(this.#selected))
      this.#canvas.removeMarker(this.#selected, "is-selected");
    this.#selected = id && this.#registry.get(id) ? id : undefined;
    if (this.#selected) this.#canvas.addMarker(this.#selected, "is-selected");
  }

  /** Sets the badges; one whose text changes stays where it is. */
  badge(wanted: readonly Badge[]): void {
    const overlays = this.#viewer.get<Overlays>("overlays");
    const keys = new Set(wanted.map(keyOf));
    for (const [key, { overlay }] of this.#badges) {
      if (!keys.has(key)) {
        overlays.remove(overlay);
        this.#badges.delete(key);
      }
    }
    for (const badge of wanted) {
      if (!this.#registry.get(badge.element)) continue;
      const known = this.#badges.get(keyOf(badge));
      const html = known?.html ?? document.createElement("span");
      html.className = `badge ${badge.tone}`;
      html.textContent = badge.text;
      html.title = badge.title;
      if (!known) {
        const overlay = overlays.add(badge.element, { position: PLACES[badge.tone], html });
        this.#badges.set(keyOf(badge), { overlay, html });
      }
    }
  }

  get #canvas(): Canvas {
    return this.#viewer.get<Canvas>("canvas");
  }

  get #registry(): Registry {
    return this.#viewer.get<Registry>("elementRegistry");
  }

  #wheel(on: boolean): void {
    this.#viewer.get<Zoom>("zoomScroll").toggle(on);
  }

  #resized(): void {
    if (this.#moved) this.#canvas.resized();
    else if (this.#viewer.getDefinitions()) this.fit();
  }
}

function keyOf(badge: Badge): string {
  return `${badge.tone} ${badge.element}`;
}

function isNode(element: Element): boolean {
  return !/^bpmn:(SequenceFlow|Process|Collaboration|Participant|Lane|Association|DataObject|TextAnnotation)/.test(
    element.type,
  );
}
