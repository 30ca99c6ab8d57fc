// Reads a JSON array of element templates from standard input; prints what the Modeler's own schema says is wrong with each.
import { validateAll } from '@bpmn-io/element-templates-validator';

let text = '';
for await (const piece of process.stdin) text += piece;
const { results } = validateAll(JSON.parse(text));
const wrong = results.flatMap(({ valid, errors, object }) =>
  valid ? [] : [`${object?.id}: ${(errors ?? []).map((error) => error.message).join('; ')}`],
);
process.stdout.write(JSON.stringify(wrong));
