/** The frame of every page: navigation, who works here, whether the server answers. */
import { useEffect, useRef } from "preact/hooks";
import { translated } from "./core/links";
import type { Page } from "./core/page";
import { connected } from "./core/rest";
import { href, place } from "./core/router";
import { user } from "./core/user";
import { HOME, PAGES } from "./pages";
import { Notices } from "./ui/Notices";
import { Empty } from "./ui/show";

/** Pages that belong to a word of the navigation although their address begins otherwise. */
const BELOW: Record<string, string> = { "process-definition": "processes", "process-instance": "processes" };

export function App() {
  const foreign = translated(place.value);
  useEffect(() => {
    if (foreign) location.replace(foreign);
  }, [foreign]);
  const [segment = HOME.segment, id = ""] = place.value.segments;
  const page = PAGES.find((candidate) => candidate.segment === segment);
  useFocusOn(`${segment}/${id}`);
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        To the content
      </button>
      <Header current={BELOW[segment] ?? segment} />
      <main id="main" tabIndex={-1}>
        {!connected.value && (
          <p class="lost" role="alert">
            <strong>The server does not answer.</strong> What you see may be out of date; this page tries
            again by itself.
          </p>
        )}
        {page && !foreign ? (
          <page.Component key={`${segment}/${id}`} id={id} query={place.value.query} />
        ) : (
          <Unknown />
        )}
      </main>
      <Footer />
      <Notices />
    </>
  );
}

/** Who follows a link with the keyboard goes on at the top of the new page. */
function useFocusOn(page: string): void {
  const before = useRef(page);
  useEffect(() => {
    if (before.current !== page) document.getElementById("main")?.focus();
    before.current = page;
  }, [page]);
}

function skip(): void {
  document.getElementById("main")?.focus();
}

function Header({ current }: { current: string }) {
  const listed = PAGES.filter((page): page is Page & { nav: string } => page.nav !== undefined);
  return (
    <header class="top">
      <a class="brand" href="#/">
        <img src="favicon.svg" alt="" width="22" height="22" />
        Penstock
      </a>
      <nav aria-label="Pages">
        {listed.map((page) => (
          <a
            key={page.segment}
            href={href([page.segment])}
            aria-current={page.segment === current ? "page" : undefined}
          >
            {page.nav}
          </a>
        ))}
      </nav>
      <label class="who" title="The name under which you claim tasks. It is kept in this browser.">
        <span>Working as</span>
        <input
          value={user.value}
          size={10}
          autocomplete="username"
          spellcheck={false}
          onChange={(event) => {
            user.value = event.currentTarget.value.trim() || "demo";
          }}
        />
      </label>
      <span
        class={connected.value ? "pulse" : "pulse off"}
        title={connected.value ? "Live" : "No connection"}
      >
        {connected.value ? "Live" : "Offline"}
      </span>
    </header>
  );
}

function Unknown() {
  return (
    <Empty>
      There is no such page. <a href="#/">All processes</a>
    </Empty>
  );
}

function Footer() {
  return (
    <footer class="bottom">
      <a href="licenses.md">Licences</a>
      <a href="engine-rest/version">REST API</a>
      <a href="metrics">Metrics</a>
      <a href="health">Health</a>
    </footer>
  );
}
