/** Every page: one row each. */
import type { Page } from "../core/page";
import { definition } from "./definition";
import { deployments } from "./deployments";
import { instance } from "./instance";
import { processes } from "./processes";
import { tasks } from "./tasks";

export const HOME = processes;
export const PAGES: readonly Page[] = [processes, definition, instance, tasks, deployments];
