/** A BPMN diagram with live marks. The mark of bpmn.io stays visible, as its licence asks. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type Live, useLive } from "../core/live";
import type { Badge, Marks } from "./marks";
import type { Flow } from "./path";
import type { Diagram } from "./viewer";
import { modelOf } from "./xml";

interface Props {
  xml: string;
  /** The key of the process: the model may hold others. */
  process: string;
  /** What the diagram is of, for screen readers. */
  label: string;
  marks?: Marks;
  badges?: readonly Badge[];
  selected?: string | undefined;
  onPick?: (element: string | undefined) => void;
  onFlows?: (flows: readonly Flow[]) => void;
}

const NOTHING: Marks = new Map();

/** The model of a definition. bpmn-js is fetched beside it, not after it. */
export function useModel(definition: string): Live<string> {
  useEffect(() => void loadViewer(), []);
  return useLive(
    () => modelOf(definition),
    [definition],
    () => false,
  );
}

/** The place of a diagram whose model is not there yet. */
export function EmptyStage() {
  return (
    <div class="card stage">
      <div class="diagram" aria-busy="true" />
    </div>
  );
}

function loadViewer(): Promise<typeof import("./viewer")> {
  return import("./viewer");
}

export function DiagramView({
  xml,
  process,
  label,
  marks = NOTHING,
  badges = [],
  selected,
  onPick,
  onFlows,
}: Props) {
  const container = useRef<HTMLDivElement>(null);
  const [diagram, setDiagram] = useState<Diagram>();
  const [problem, setProblem] = useState("");
  const callbacks = useRef({ onPick, onFlows });
  callbacks.current = { onPick, onFlows };

  useEffect(() => {
    let gone = false;
    let made: Diagram | undefined;
    const draw = async (): Promise<void> => {
      const { Diagram } = await loadViewer();
      if (gone || !container.current) return;
      made = new Diagram(container.current, label, (element) => callbacks.current.onPick?.(element));
      const flows = await made.show(xml, process);
      if (gone) return;
      callbacks.current.onFlows?.(flows);
      setDiagram(made);
    };
    setProblem("");
    draw().catch((error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
    return () => {
      gone = true;
      made?.destroy();
      setDiagram(undefined);
    };
  }, [xml, process, label]);
  useEffect(() => diagram?.mark(marks), [diagram, marks]);
  useEffect(() => diagram?.badge(badges), [diagram, badges]);
  useEffect(() => diagram?.select(selected), [diagram, selected]);

  return (
    <div class={`diagram${onPick ? " pickable" : ""}`} data-drawn={diagram ? "yes" : "no"}>
      <div class="canvas" ref={container} hidden={problem !== ""} />
      {problem && (
        <p class="empty">
          This model cannot be drawn: {problem}. Everything else on this page works without the drawing.
        </p>
      )}
      {diagram && (
        <div class="zoom" role="group" aria-label="Zoom">
          <button type="button" class="icon" title="Zoom in" onClick={() => diagram.zoom(1)}>
            +
          </button>
          <button type="button" class="icon" title="Zoom out" onClick={() => diagram.zoom(-1)}>
            −
          </button>
          <button type="button" class="icon" title="Show all" onClick={() => diagram.fit()}>
            ⤢
          </button>
        </div>
      )}
    </div>
  );
}
