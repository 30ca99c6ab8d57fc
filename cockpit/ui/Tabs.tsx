/** Tabs whose state is in the address. */
import { change } from "../core/router";

export interface Tab {
  id: string;
  text: string;
  count?: number | undefined;
  alarming?: boolean;
}

export function Tabs({ tabs, current, label }: { tabs: readonly Tab[]; current: string; label: string }) {
  const step = (event: KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const index = tabs.findIndex((tab) => tab.id === current);
    const next = tabs[(index + by + tabs.length) % tabs.length];
    if (!next) return;
    change({ tab: next.id, page: undefined });
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={step}>
      {tabs.map((tab) => (
        <button
          key={tab.id}
          id={`tab-${tab.id}`}
          type="button"
          role="tab"
          aria-selected={tab.id === current}
          aria-controls="panel"
          tabIndex={tab.id === current ? 0 : -1}
          onClick={() => change({ tab: tab.id, page: undefined })}
        >
          {tab.text}
          {tab.count !== undefined && tab.count > 0 && (
            <span class={tab.alarming ? "count bad" : "count"}>{tab.count}</span>
          )}
        </button>
      ))}
    </div>
  );
}
