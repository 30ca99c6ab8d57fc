/** What has just been done, said briefly in a corner and to screen readers. */
import { signal } from "@preact/signals";
import { known } from "../core/live";

interface Notice {
  id: number;
  text: string;
  bad: boolean;
}

const SHOWN_MS = 6_000;
const notices = signal<readonly Notice[]>([]);
let last = 0;

export function notify(text: string, bad = false): void {
  const id = ++last;
  notices.value = [...notices.value, { id, text, bad }];
  setTimeout(() => {
    notices.value = notices.value.filter((notice) => notice.id !== id);
  }, SHOWN_MS);
}

/** Does something at the press of a button: says that it is done, or why it is not. */
export async function attempt(done: string, action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    notify(done);
    return true;
  } catch (error) {
    const { message, advice } = known(error);
    notify(`${message} ${advice}`.trim(), true);
    return false;
  }
}

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map((notice) => (
        <p key={notice.id} class={notice.bad ? "bad" : ""}>
          {notice.text}
        </p>
      ))}
    </div>
  );
}
