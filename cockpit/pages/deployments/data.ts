import type { Definition, Deployment, Resource } from "../../core/model";
import { type Page, paged, window } from "../../core/paging";
import { get, path, send, upload } from "../../core/rest";

export async function loadDeployments(number: number, abort: AbortSignal): Promise<Page<Deployment>> {
  const query = { sortBy: "deploymentTime", sortOrder: "desc", ...window(number) };
  return paged(await get<Deployment[]>("/deployment", query, abort));
}

export interface Contents {
  deployment: Deployment;
  resources: readonly Resource[];
  definitions: readonly Definition[];
}

export async function loadContents(id: string, abort: AbortSignal): Promise<Contents> {
  const [deployment, resources, definitions] = await Promise.all([
    get<Deployment>(path`/deployment/${id}`, {}, abort),
    get<Resource[]>(path`/deployment/${id}/resources`, {}, abort),
    get<Definition[]>("/process-definition", { deploymentId: id, maxResults: 200 }, abort),
  ]);
  return { deployment, resources, definitions };
}

interface Deployed {
  id: string;
  deployedProcessDefinitions: Record<string, Definition> | null;
}

/** Deploys files together, as Camunda Modeler does: what has not changed makes no new version. */
export async function deploy(files: readonly File[]): Promise<Deployed> {
  const form = new FormData();
  form.append("deployment-name", files.map((file) => file.name.replace(/\.\w+$/, "")).join(", "));
  form.append("deployment-source", "Penstock cockpit");
  form.append("enable-duplicate-filtering", "true");
  for (const file of files) form.append(file.name, file, file.name);
  return upload("/deployment/create", form);
}

export function remove(id: string): Promise<undefined> {
  return send("DELETE", path`/deployment/${id}`, undefined, { cascade: true });
}
