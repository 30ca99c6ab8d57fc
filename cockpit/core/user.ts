/** Who works here. The server knows no users yet: this is the name under which tasks are claimed. */
import { effect, signal } from "@preact/signals";

const KEY = "penstock.user";

export const user = signal(localStorage.getItem(KEY) ?? "demo");
effect(() => localStorage.setItem(KEY, user.value));
