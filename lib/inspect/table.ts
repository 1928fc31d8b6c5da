/** Tables of text. */

/** The cells in columns under their names; from column `right` on they end at the right. */
export function tableOf(names: readonly string[], rows: readonly (readonly string[])[], right: number): string {
  const lines = [names, ...rows];
  const widths = names.map((_, k) => Math.max(...lines.map((line) => (line[k] as string).length)));
  const text = (line: readonly string[]): string =>
    line
      .map((cell, k) => (k >= right ? cell.padStart(widths[k] as number) : cell.padEnd(widths[k] as number)))
      .join('  ')
      .trimEnd();
  return [text(names), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(text)].join('\n');
}
