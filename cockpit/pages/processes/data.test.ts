import { expect, test } from "vitest";
import type { DefinitionStatistics } from "../../core/model";
import { grouped } from "./data";

function statistics(key: string, version: number, instances: number): DefinitionStatistics {
  const definition = { id: `${key}:${version}`, key, version, name: null, tenantId: null };
  const incidents = [{ incidentType: "failedJob", incidentCount: version }];
  return {
    id: definition.id,
    instances,
    failedJobs: 0,
    incidents,
    definition,
  } as unknown as DefinitionStatistics;
}

test("versions are counted together, under the newest", () => {
  const [order, zebra] = grouped([
    statistics("zebra", 1, 1),
    statistics("order", 2, 5),
    statistics("order", 1, 7),
  ]);
  expect(order).toMatchObject({ versions: 2, running: 12, incidents: 3, latest: { version: 2 } });
  expect(zebra?.latest.key).toBe("zebra");
});
