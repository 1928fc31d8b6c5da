// Blocks of code in documents, and what they say that they print.

/** The blocks of TypeScript in a page, each with the text below it, if there is one. */
export function blocksOf(page: string): { readonly number: number; readonly code: string; readonly output?: string }[] {
  return [...page.matchAll(/^```ts\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?/gms)].map(([, code = '', output], k) => ({
    number: k + 1,
    code,
    ...(output !== undefined && { output }),
  }));
}

/** What the comments behind `console.log`, and those on the lines that follow it, say that it prints. */
export function commented(code: string): string {
  const lines: string[] = [];
  let prints = false;
  for (const line of code.split('\n')) {
    const [, behind] = /^console\.log\(.*\); \/\/ (.*)$/.exec(line) ?? [];
    const [, below] = /^\/\/ (.*)$/.exec(line) ?? [];
    if (behind !== undefined) lines.push(behind);
    else if (below !== undefined && prints) lines.push(below);
    prints = /^(console\.log\(|\})/.test(line) || (below !== undefined && prints);
  }
  return lines.map((line) => `${line}\n`).join('');
}
