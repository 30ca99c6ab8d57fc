/** Pages of lists. Nothing is counted: a page asks for one row more than it shows. */

export const ROWS = 25;

export interface Page<T> {
  rows: readonly T[];
  /** Whether a page follows. */
  more: boolean;
}

/** The parameters of page `number`, which begins at 1. */
export function window(number: number, rows = ROWS): { firstResult: number; maxResults: number } {
  return { firstResult: (number - 1) * rows, maxResults: rows + 1 };
}

export function paged<T>(found: readonly T[], rows = ROWS): Page<T> {
  return { rows: found.slice(0, rows), more: found.length > rows };
}

/** The page number of an address; 1 for anything that is none. */
export function pageNumber(text: string | undefined): number {
  const number = Number(text ?? "1");
  return Number.isInteger(number) && number > 0 ? number : 1;
}
